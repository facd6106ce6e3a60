"""Capitals and rivers in five languages."""

from words import LANGUAGES

# "of the country" in es, ca, eu, gl, en; then the capital in the same order.
_CAPITALS = """
de Francia|de França|Frantziaren|de Francia|of France|París|París|Paris|París|Paris
de Portugal|de Portugal|Portugalen|de Portugal|of Portugal|Lisboa|Lisboa|Lisboa|Lisboa|Lisbon
de Italia|d'Itàlia|Italiaren|de Italia|of Italy|Roma|Roma|Erroma|Roma|Rome
de Alemania|d'Alemanya|Alemaniaren|de Alemaña|of Germany|Berlín|Berlín|Berlin|Berlín|Berlin
de Inglaterra|d'Anglaterra|Ingalaterraren|de Inglaterra|of England|Londres|Londres|Londres|Londres|London
de Irlanda|d'Irlanda|Irlandaren|de Irlanda|of Ireland|Dublín|Dublín|Dublin|Dublín|Dublin
de Austria|d'Àustria|Austriaren|de Austria|of Austria|Viena|Viena|Viena|Viena|Vienna
de Grecia|de Grècia|Greziaren|de Grecia|of Greece|Atenas|Atenes|Atenas|Atenas|Athens
de Polonia|de Polònia|Poloniaren|de Polonia|of Poland|Varsovia|Varsòvia|Varsovia|Varsovia|Warsaw
de Hungría|d'Hongria|Hungariaren|de Hungría|of Hungary|Budapest|Budapest|Budapest|Budapest|Budapest
de Noruega|de Noruega|Norvegiaren|de Noruega|of Norway|Oslo|Oslo|Oslo|Oslo|Oslo
de Suecia|de Suècia|Suediaren|de Suecia|of Sweden|Estocolmo|Estocolm|Stockholm|Estocolmo|Stockholm
de Dinamarca|de Dinamarca|Danimarkaren|de Dinamarca|of Denmark|Copenhague|Copenhaguen|Kopenhage|Copenhague|Copenhagen
de Finlandia|de Finlàndia|Finlandiaren|de Finlandia|of Finland|Helsinki|Hèlsinki|Helsinki|Helsinqui|Helsinki
de Bélgica|de Bèlgica|Belgikaren|de Bélxica|of Belgium|Bruselas|Brussel·les|Brusela|Bruxelas|Brussels
de España|d'Espanya|Espainiaren|de España|of Spain|Madrid|Madrid|Madril|Madrid|Madrid
de Egipto|d'Egipte|Egiptoren|de Exipto|of Egypt|El Cairo|el Caire|Kairo|O Cairo|Cairo
de Marruecos|del Marroc|Marokoren|de Marrocos|of Morocco|Rabat|Rabat|Rabat|Rabat|Rabat
de Japón|del Japó|Japoniaren|do Xapón|of Japan|Tokio|Tòquio|Tokio|Toquio|Tokyo
de China|de la Xina|Txinaren|da China|of China|Pekín|Pequín|Pekin|Pequín|Beijing
de Brasil|del Brasil|Brasilen|do Brasil|of Brazil|Brasilia|Brasília|Brasilia|Brasilia|Brasilia
de Perú|del Perú|Peruren|do Perú|of Peru|Lima|Lima|Lima|Lima|Lima
de Chile|de Xile|Txileren|de Chile|of Chile|Santiago|Santiago|Santiago|Santiago|Santiago
de Cuba|de Cuba|Kubaren|de Cuba|of Cuba|La Habana|l'Havana|Habana|A Habana|Havana
de Rusia|de Rússia|Errusiaren|de Rusia|of Russia|Moscú|Moscou|Mosku|Moscova|Moscow
de Cataluña|de Catalunya|Kataluniaren|de Cataluña|of Catalonia|Barcelona|Barcelona|Bartzelona|Barcelona|Barcelona
"""
# The city in es, ca, eu, gl, en; then its river.
_RIVERS = """
París|París|Paris|París|Paris|el Sena|el Sena|Sena|o Sena|the Seine
Londres|Londres|Londres|Londres|London|el Támesis|el Tàmesi|Tamesis|o Támese|the Thames
Lisboa|Lisboa|Lisboa|Lisboa|Lisbon|el Tajo|el Tajo|Tajo|o Texo|the Tagus
Roma|Roma|Erroma|Roma|Rome|el Tíber|el Tíber|Tiber|o Tíber|the Tiber
Viena|Viena|Viena|Viena|Vienna|el Danubio|el Danubi|Danubio|o Danubio|the Danube
Zaragoza|Saragossa|Zaragoza|Zaragoza|Zaragoza|el Ebro|l'Ebre|Ebro|o Ebro|the Ebro
Sevilla|Sevilla|Sevilla|Sevilla|Seville|el Guadalquivir|el Guadalquivir|Guadalquivir|o Guadalquivir|the Guadalquivir
Bilbao|Bilbao|Bilbo|Bilbao|Bilbao|el Nervión|el Nervión|Nerbioi|o Nervión|the Nervión
Ourense|Ourense|Ourense|Ourense|Ourense|el Miño|el Miño|Miño|o Miño|the Miño
Girona|Girona|Girona|Xirona|Girona|el Oñar|l'Onyar|Onyar|o Onyar|the Onyar
El Cairo|el Caire|Kairo|O Cairo|Cairo|el Nilo|el Nil|Nilo|o Nilo|the Nile
Varsovia|Varsòvia|Varsovia|Varsovia|Warsaw|el Vístula|el Vístula|Vistula|o Vístula|the Vistula
Oporto|Porto|Porto|Porto|Porto|el Duero|el Duero|Duero|o Douro|the Douro
Valladolid|Valladolid|Valladolid|Valladolid|Valladolid|el Pisuerga|el Pisuerga|Pisuerga|o Pisuerga|the Pisuerga
"""


def _pairs(text):
    """A list of facts, each {language: (key, value)}."""
    facts = []
    for line in text.strip().splitlines():
        cells = line.split("|")
        facts.append({lang: (cells[i], cells[i + len(LANGUAGES)]) for i, lang in enumerate(LANGUAGES)})
    return facts


CAPITALS = _pairs(_CAPITALS)
RIVERS = _pairs(_RIVERS)
