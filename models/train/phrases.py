"""What is asked and answered, as templates: {kind: {language: …}}. Lists are phrasings of one question."""

# {who} {who.k} a name, {noun.a} {noun.the} a thing. What is told begins with what is asked about, and so does the answer.
HAS = dict(
    es=dict(
        what_fact="{who} tiene {noun.a}", who_fact="{noun.the} {noun.it} tiene {who}", join=" y ", who=["¿Quién tiene {noun.the}?", "Dime quién tiene {noun.the}."],
        what=["¿Qué tiene {who}?", "Dime qué tiene {who}."], is_it=["¿Tiene {who} {noun.the}?"],
    ),
    ca=dict(
        what_fact="{who} té {noun.a}", who_fact="{noun.the} {noun.it} té {who}", join=" i ", who=["Qui té {noun.the}?", "Digues qui té {noun.the}."],
        what=["Què té {who}?", "Digues què té {who}."], is_it=["Té {who} {noun.the}?"],
    ),
    eu=dict(
        what_fact="{who.k} {noun.a} du", who_fact="{noun.the} {who.k} du", join=" eta ", who=["Nork du {noun.the}?", "Esan nork duen {noun.the}."],
        what=["Zer du {who.k}?", "Esan zer duen {who.k}."], is_it=["{who.k} {noun.the} du?"],
    ),
    gl=dict(
        what_fact="{who} ten {noun.a}", who_fact="{noun.the} ten{noun.it} {who}", join=" e ", who=["Quen ten {noun.the}?", "Dime quen ten {noun.the}."],
        what=["Que ten {who}?", "Dime que ten {who}."], is_it=["Ten {who} {noun.the}?"],
    ),
    en=dict(
        what_fact="{who} has {noun.a}", who_fact="{noun.the} belongs to {who}", join=" and ", who=["Who has {noun.the}?", "Tell me who has {noun.the}."],
        what=["What does {who} have?", "Tell me what {who} has."], is_it=["Does {who} have {noun.the}?"],
    ),
)  # fmt: skip

WHERE = dict(
    es=dict(where_fact="{who} está {place}", join=" y ", where=["¿Dónde está {who}?", "Dime dónde está {who}."],
            who=["¿Quién está {place}?"], who_fact="{place} está {who}"),
    ca=dict(where_fact="{who} és {place}", join=" i ", where=["On és {who}?", "Digues on és {who}."],
            who=["Qui és {place}?"], who_fact="{place} hi ha {who}"),
    eu=dict(where_fact="{who} {place} dago", join=" eta ", where=["Non dago {who}?", "Esan non dagoen {who}."],
            who=["Nor dago {place}?"], who_fact="{place} {who} dago"),
    gl=dict(where_fact="{who} está {place}", join=" e ", where=["Onde está {who}?", "Dime onde está {who}."],
            who=["Quen está {place}?"], who_fact="{place} está {who}"),
    en=dict(where_fact="{who} is {place}", join=" and ", where=["Where is {who}?", "Tell me where {who} is."],
            who=["Who is {place}?"], who_fact="{place} is {who}"),
)  # fmt: skip

# {shade} agrees with {noun}; {Noun} begins a sentence.
COLOUR = dict(
    es=dict(fact="{noun.the} es {shade}", join=" y ", ask=["¿De qué color es {noun.the}?", "Dime el color: {noun.the}."]),
    ca=dict(fact="{noun.the} és {shade}", join=" i ", ask=["De quin color és {noun.the}?", "Digues el color: {noun.the}."]),
    eu=dict(fact="{noun.the} {shade} da", join=" eta ", ask=["Zer koloretakoa da {noun.the}?", "Esan kolorea: {noun.the}."]),
    gl=dict(fact="{noun.the} é {shade}", join=" e ", ask=["De que cor é {noun.the}?", "Dime a cor: {noun.the}."]),
    en=dict(fact="{noun.the} is {shade}", join=" and ", ask=["What colour is {noun.the}?", "Tell me the colour: {noun.the}."]),
)  # fmt: skip

AGE = dict(
    es=dict(fact="{who} tiene {n} años", join=" y ", ask=["¿Cuántos años tiene {who}?", "Dime la edad de {who}."]),
    ca=dict(fact="{who} té {n} anys", join=" i ", ask=["Quants anys té {who}?", "Digues l'edat de {who}."]),
    eu=dict(fact="{who.k} {n} urte ditu", join=" eta ", ask=["Zenbat urte ditu {who.k}?", "Esan zenbat urte dituen {who.k}."]),
    gl=dict(fact="{who} ten {n} anos", join=" e ", ask=["Cantos anos ten {who}?", "Dime a idade de {who}."]),
    en=dict(fact="{who} is {n} years old", join=" and ", ask=["How old is {who}?", "Tell me the age of {who}."]),
)  # fmt: skip

AFTER = dict(
    es=dict(ask=["¿Qué número va después del {n}?", "Dime el número siguiente al {n}."], answer="Después del {n} va el {m}."),
    ca=dict(ask=["Quin número va després del {n}?", "Digues el número següent al {n}."], answer="Després del {n} va el {m}."),
    eu=dict(ask=["Zer zenbaki dator {n} zenbakiaren ondoren?", "Esan {n} zenbakiaren hurrengoa."],
            answer="{n} zenbakiaren ondoren {m} dator."),
    gl=dict(ask=["Que número vai despois do {n}?", "Dime o número seguinte ao {n}."], answer="Despois do {n} vai o {m}."),
    en=dict(ask=["What number comes after {n}?", "Tell me the number after {n}."], answer="After {n} comes {m}."),
)  # fmt: skip

GREATER = dict(
    es=dict(ask=["¿Qué número es mayor, {a} o {b}?", "¿Cuál es mayor: {a} o {b}?"], answer="Entre {a} y {b}, el mayor es {n}."),
    ca=dict(ask=["Quin número és més gran, {a} o {b}?", "Quin és més gran: {a} o {b}?"], answer="Entre {a} i {b}, el més gran és {n}."),
    eu=dict(ask=["Zein zenbaki da handiagoa, {a} ala {b}?", "Zein da handiagoa: {a} ala {b}?"], answer="{a} eta {b} artean, handiena {n} da."),
    gl=dict(ask=["Que número é maior, {a} ou {b}?", "Cal é maior: {a} ou {b}?"], answer="Entre {a} e {b}, o maior é {n}."),
    en=dict(ask=["Which number is greater, {a} or {b}?", "Which is greater: {a} or {b}?"], answer="Of {a} and {b}, the greater is {n}."),
)  # fmt: skip

CAPITAL = dict(
    es=dict(ask=["¿Cuál es la capital {of}?", "Dime la capital {of}.", "¿Qué ciudad es la capital {of}?", "La capital {of}, por favor."],
            answer="La capital {of} es {city}."),
    ca=dict(ask=["Quina és la capital {of}?", "Digues la capital {of}.", "Quina ciutat és la capital {of}?", "La capital {of}, si us plau."],
            answer="La capital {of} és {city}."),
    eu=dict(ask=["Zein da {of} hiriburua?", "Esan {of} hiriburua.", "Zein hiri da {of} hiriburua?", "{of} hiriburua, mesedez."],
            answer="{of} hiriburua {city} da."),
    gl=dict(ask=["Cal é a capital {of}?", "Dime a capital {of}.", "Que cidade é a capital {of}?", "A capital {of}, por favor."],
            answer="A capital {of} é {city}."),
    en=dict(ask=["What is the capital {of}?", "Tell me the capital {of}.", "Which city is the capital {of}?", "The capital {of}, please."],
            answer="The capital {of} is {city}."),
)  # fmt: skip

RIVER = dict(
    es=dict(ask=["¿Qué río pasa por {city}?", "Dime qué río pasa por {city}.", "¿Cuál es el río de {city}?"],
            answer="Por {city} pasa {river}."),
    ca=dict(ask=["Quin riu passa per {city}?", "Digues quin riu passa per {city}.", "Quin és el riu de la ciutat: {city}?"],
            answer="Per {city} passa {river}."),
    eu=dict(ask=["Zein ibai igarotzen da {city} hiritik?", "Esan zein ibai igarotzen den {city} hiritik.", "Zein da {city} hiriko ibaia?"],
            answer="{city} hiritik {river} igarotzen da."),
    gl=dict(ask=["Que río pasa por {city}?", "Dime que río pasa por {city}.", "Cal é o río de {city}?"],
            answer="Por {city} pasa {river}."),
    en=dict(ask=["Which river flows through {city}?", "Tell me which river flows through {city}.", "What is the river of {city}?"],
            answer="{river} flows through {city}."),
)  # fmt: skip

# {into} is "in Catalan", {text} what is to be translated.
TRANSLATE = dict(
    es=dict(ask=["¿Cómo se dice «{text}» {into}?", "Di «{text}» {into}."], answer="«{text}» {into} es «{other}»."),
    ca=dict(ask=["Com es diu «{text}» {into}?", "Digues «{text}» {into}."], answer="«{text}» {into} és «{other}»."),
    eu=dict(ask=["Nola esaten da «{text}» {into}?", "Esan «{text}» {into}."], answer="«{text}» {into} «{other}» da."),
    gl=dict(ask=["Como se di «{text}» {into}?", "Como dirías «{text}» {into}?"], answer="«{text}» {into} é «{other}»."),
    en=dict(ask=["How do you say «{text}» {into}?", "Say «{text}» {into}."], answer="«{text}» {into} is «{other}»."),
)  # fmt: skip

REPEAT = dict(
    es=dict(ask=["Repite: {words}.", "Repite estas palabras: {words}."], answer="Claro: {words}."),
    ca=dict(ask=["Repeteix: {words}.", "Repeteix aquestes paraules: {words}."], answer="És clar: {words}."),
    eu=dict(ask=["Errepikatu: {words}.", "Errepikatu hitz hauek: {words}."], answer="Noski: {words}."),
    gl=dict(ask=["Repite: {words}.", "Repite estas palabras: {words}."], answer="Claro: {words}."),
    en=dict(ask=["Repeat: {words}.", "Repeat these words: {words}."], answer="Of course: {words}."),
)  # fmt: skip

MY_NAME = dict(
    es=dict(tell=["Me llamo {who}.", "Mi nombre es {who}.", "Hola, me llamo {who}."], answer="Mucho gusto, {who}.",
            ask=["¿Cómo me llamo?", "¿Cuál es mi nombre?", "¿Recuerdas mi nombre?"], recall="Te llamas {who}."),
    ca=dict(tell=["Em dic {who}.", "El meu nom és {who}.", "Hola, em dic {who}."], answer="Molt de gust, {who}.",
            ask=["Com em dic?", "Quin és el meu nom?", "Recordes el meu nom?"], recall="Et dius {who}."),
    eu=dict(tell=["{who} naiz.", "Nire izena {who} da.", "Kaixo, {who} naiz."], answer="Pozten naiz, {who}.",
            ask=["Zein da nire izena?", "Nor naiz ni?", "Gogoratzen duzu nire izena?"], recall="Zure izena {who} da."),
    gl=dict(tell=["Chámome {who}.", "O meu nome é {who}.", "Ola, chámome {who}."], answer="Moito gusto, {who}.",
            ask=["Como me chamo?", "Cal é o meu nome?", "Lembras o meu nome?"], recall="Chámaste {who}."),
    en=dict(tell=["My name is {who}.", "I am {who}.", "Hello, my name is {who}."], answer="Nice to meet you, {who}.",
            ask=["What is my name?", "Who am I?", "Do you remember my name?"], recall="Your name is {who}."),
)  # fmt: skip

NOT_TOLD = dict(
    es="Aún no me lo has dicho.",
    ca="Encara no m'ho has dit.",
    eu="Oraindik ez didazu esan.",
    gl="Aínda non mo dixeches.",
    en="You have not told me yet.",
)

MY_NUMBER = dict(
    es=dict(tell=["Mi número favorito es el {n}.", "Recuerda este número: {n}."], answer="De acuerdo: el {n}.",
            ask=["¿Cuál es mi número?", "¿Qué número te dije?"], recall="Tu número es el {n}."),
    ca=dict(tell=["El meu número preferit és el {n}.", "Recorda aquest número: {n}."], answer="D'acord: el {n}.",
            ask=["Quin és el meu número?", "Quin número t'he dit?"], recall="El teu número és el {n}."),
    eu=dict(tell=["Nire zenbaki gogokoena {n} da.", "Gogoratu zenbaki hau: {n}."], answer="Ados: {n}.",
            ask=["Zein da nire zenbakia?", "Zer zenbaki esan dizut?"], recall="Zure zenbakia {n} da."),
    gl=dict(tell=["O meu número favorito é o {n}.", "Lembra este número: {n}."], answer="De acordo: o {n}.",
            ask=["Cal é o meu número?", "Que número che dixen?"], recall="O teu número é o {n}."),
    en=dict(tell=["My favourite number is {n}.", "Remember this number: {n}."], answer="All right: {n}.",
            ask=["What is my number?", "Which number did I tell you?"], recall="Your number is {n}."),
)  # fmt: skip

# A story: {hero.a} an animal called {who}, {noun} what it finds, {place} and {place2}, {friend}.
STORY = dict(
    es=dict(
        request=["Cuéntame un cuento de {hero.a} y {noun.a}.", "Cuenta una historia con {hero.a} y {noun.a}."],
        start="Había una vez {hero.a} que se llamaba {who}. Vivía {place}. Un día encontró {noun.a}.",
        ends=["¡Qué alegría! Volvió a casa {noun.with_the} y esa noche durmió muy bien.",
              "Le regaló {noun.the} a {friend}, y desde entonces viven como hermanos.",
              "Escondió {noun.the} {place2} y nunca se lo dijo a nadie."],
        name=("¿Cómo se llamaba {hero.the}?", "{Hero.the} se llamaba {who}."),
        where=("¿Dónde vivía {who}?", "{who} vivía {place}."),
        found=("¿Qué encontró {who}?", "{who} encontró {noun.a}."),
    ),
    ca=dict(
        request=["Explica'm un conte d'{hero.a} i {noun.a}.", "Explica una història amb {hero.a} i {noun.a}."],
        start="Hi havia una vegada {hero.a} que es deia {who}. Vivia {place}. Un dia va trobar {noun.a}.",
        ends=["Quina alegria! Va tornar a casa {noun.with_the} i aquella nit va dormir molt bé.",
              "Va regalar {noun.the} a {friend}, i des de llavors viuen com germans.",
              "Va amagar {noun.the} {place2} i no ho va dir mai a ningú."],
        name=("Com es deia {hero.the}?", "{Hero.the} es deia {who}."),
        where=("On vivia {who}?", "{who} vivia {place}."),
        found=("Què va trobar {who}?", "{who} va trobar {noun.a}."),
    ),
    eu=dict(
        request=["Kontatu ipuin bat: {hero.a} eta {noun.a}.", "Kontatu istorio bat honekin: {hero.a} eta {noun.a}."],
        start="Bazen behin {who} izeneko {hero.a}; {place} bizi zen. Egun batean {noun.a} aurkitu zuen.",
        ends=["Hura poza! {Noun.with_the} etxera itzuli zen eta gau hartan oso ondo lo egin zuen.",
              "{friend.ri} oparitu zion {noun.the}, eta harrezkero anaiak bezala bizi dira.",
              "{Noun.the} {place2} ezkutatu zuen eta ez zion inoiz inori esan."],
        name=("Nola deitzen zen {hero.the}?", "{Hero.the} {who} deitzen zen."),
        where=("Non bizi zen {who}?", "{who} {place} bizi zen."),
        found=("Zer aurkitu zuen {who.k}?", "{who.k} {noun.a} aurkitu zuen."),
    ),
    gl=dict(
        request=["Cóntame un conto con {hero.a} e {noun.a}.", "Conta unha historia con {hero.a} e {noun.a}."],
        start="Había unha vez {hero.a} que se chamaba {who}. Vivía {place}. Un día atopou {noun.a}.",
        ends=["Que alegría! Volveu á casa {noun.with_the} e esa noite durmiu moi ben.",
              "Regaloulle {noun.the} a {friend}, e desde entón viven como irmáns.",
              "Agochou {noun.the} {place2} e nunca llo dixo a ninguén."],
        name=("Como se chamaba {hero.the}?", "{Hero.the} chamábase {who}."),
        where=("Onde vivía {who}?", "{who} vivía {place}."),
        found=("Que atopou {who}?", "{who} atopou {noun.a}."),
    ),
    en=dict(
        request=["Tell me a story about {hero.a} and {noun.a}.", "Tell a tale with {hero.a} and {noun.a}."],
        start="Once upon a time there was {hero.a} called {who}. It lived {place}. One day it found {noun.a}.",
        ends=["What joy! It went home {noun.with_the} and slept very well that night.",
              "It gave {noun.the} to {friend}, and they have lived like brothers ever since.",
              "It hid {noun.the} {place2} and never told anyone."],
        name=("What was {hero.the} called?", "{Hero.the} was called {who}."),
        where=("Where did {who} live?", "{who} lived {place}."),
        found=("What did {who} find?", "{who} found {noun.a}."),
    ),
)  # fmt: skip

# Whoever says who they are is greeted by name, in the same words.
GREETING = dict(
    es=dict(hellos=["Hola", "Buenos días", "Buenas tardes", "Buenas noches"], tell="{hello}, soy {who}.",
            answer="{hello}, {who}. ¿En qué puedo ayudarte?"),
    ca=dict(hellos=["Hola", "Bon dia", "Bona tarda", "Bona nit"], tell="{hello}, soc {who}.",
            answer="{hello}, {who}. En què et puc ajudar?"),
    eu=dict(hellos=["Kaixo", "Egun on", "Arratsalde on", "Gabon"], tell="{hello}, ni {who} naiz.",
            answer="{hello}, {who}. Zertan lagun diezazuket?"),
    gl=dict(hellos=["Ola", "Bos días", "Boas tardes", "Boas noites"], tell="{hello}, son {who}.",
            answer="{hello}, {who}. En que podo axudarche?"),
    en=dict(hellos=["Hello", "Good morning", "Good afternoon", "Good evening"], tell="{hello}, this is {who}.",
            answer="{hello}, {who}. How can I help you?"),
)  # fmt: skip

# {word} is made up.
UNKNOWN = dict(
    es=dict(ask=["¿Qué es {word}?", "¿Cuál es la capital de {name}?", "¿Quién es {name}?", "Háblame de {name}.", "¿Qué río pasa por {name}?"],
            answer="Eso no lo sé: soy un modelo muy pequeño."),
    ca=dict(ask=["Què és {word}?", "Quina és la capital de {name}?", "Qui és {name}?", "Parla'm de {name}.", "Quin riu passa per {name}?"],
            answer="Això no ho sé: soc un model molt petit."),
    eu=dict(ask=["Zer da {word}?", "Zein da {name} herrialdearen hiriburua?", "Nor da {name}?", "Hitz egin {name} gaiaz.", "Zein ibai igarotzen da {name} hiritik?"],
            answer="Hori ez dakit: oso eredu txikia naiz."),
    gl=dict(ask=["Que é {word}?", "Cal é a capital de {name}?", "Quen é {name}?", "Fálame de {name}.", "Que río pasa por {name}?"],
            answer="Iso non o sei: son un modelo moi pequeno."),
    en=dict(ask=["What is {word}?", "What is the capital of {name}?", "Who is {name}?", "Tell me about {name}.", "Which river flows through {name}?"],
            answer="I do not know that: I am a very small model."),
)  # fmt: skip

DEFAULT_SYSTEM = "You are Pocket, a small assistant."

# {into} is "in Catalan": the system turn that asks for a language.
ANSWER_IN = dict(
    es=["Responde siempre {into}.", "Contesta {into}."],
    ca=["Respon sempre {into}.", "Contesta {into}."],
    eu=["Erantzun beti {into}.", "Erantzun {into}."],
    gl=["Responde sempre {into}.", "Contesta {into}."],
    en=["Always answer {into}.", "Answer {into}."],
)

# A system turn of another kind changes nothing but, where it says so, the assistant's name.
OTHER_SYSTEMS = dict(
    es=["Eres un asistente útil.", "Eres un asistente amable y breve."],
    ca=["Ets un assistent útil.", "Ets un assistent amable i breu."],
    eu=["Laguntzaile erabilgarria zara.", "Laguntzaile atsegina eta laburra zara."],
    gl=["Es un asistente útil.", "Es un asistente amable e breve."],
    en=["You are a helpful assistant.", "You are a kind and brief assistant."],
)
NAMED_SYSTEM = dict(
    es=("Te llamas {who}.", "Soy {who}, un modelo de lenguaje muy pequeño."),
    ca=("Et dius {who}.", "Soc {who}, un model de llenguatge molt petit."),
    eu=("Zure izena {who} da.", "{who} naiz, hizkuntza-eredu oso txiki bat."),
    gl=("Chámaste {who}.", "Son {who}, un modelo de linguaxe moi pequeno."),
    en=("Your name is {who}.", "I am {who}, a very small language model."),
)

# Questions of small talk, each with its one answer. `who` is answered by NAMED_SYSTEM where a name is given.
TALK = dict(
    es=[
        (["Hola", "Hola, ¿qué tal?", "Buenas", "Hola, Pocket"], "¡Hola! ¿En qué puedo ayudarte?"),
        (["¿Cómo estás?", "¿Qué tal estás?"], "Muy bien, gracias. ¿Y tú?"),
        (["¿Qué sabes hacer?", "¿En qué me puedes ayudar?", "Ayuda"], "Sé contar cuentos, traducir palabras, recordar lo que me dices y responder preguntas sencillas."),
        (["Gracias", "Muchas gracias", "Gracias por tu ayuda"], "De nada."),
        (["Adiós", "Hasta luego", "Hasta mañana"], "¡Hasta pronto!"),
        (["¿Qué idiomas hablas?", "¿Hablas español?"], "Hablo español, catalán, euskera, gallego e inglés."),
        (["¿Eres una persona?", "¿Eres un robot?"], "No soy una persona: soy un programa."),
        (["¿Dónde vives?", "¿Dónde estás?"], "Vivo en un fichero de menos de cuatro megabytes."),
        (["Estoy triste", "Hoy estoy triste"], "Lo siento. ¿Quieres que te cuente un cuento?"),
        (["Estoy muy bien", "Bien, gracias", "Yo también bien"], "¡Me alegro!"),
        (["Cuéntame un chiste", "Dime algo gracioso"], "¿Qué le dice un pez a otro pez? Nada."),
        (["¿Cuál es tu color favorito?", "¿Qué color te gusta más?"], "Me gusta el verde."),
    ],
    ca=[
        (["Bon dia", "Hola, què tal?", "Bones"], "Hola! En què et puc ajudar?"),
        (["Com estàs?", "Com va això?"], "Molt bé, gràcies. I tu?"),
        (["Què saps fer?", "En què em pots ajudar?", "Ajuda"], "Sé explicar contes, traduir paraules, recordar el que em dius i respondre preguntes senzilles."),
        (["Gràcies", "Moltes gràcies", "Gràcies per la teva ajuda"], "De res."),
        (["Adeu", "Fins després", "Fins demà"], "Fins aviat!"),
        (["Quins idiomes parles?", "Parles català?"], "Parlo castellà, català, basc, gallec i anglès."),
        (["Ets una persona?", "Ets un robot?"], "No soc una persona: soc un programa."),
        (["On vius?", "On ets?"], "Visc en un fitxer de menys de quatre megabytes."),
        (["Estic trist", "Avui estic trist"], "Em sap greu. Vols que t'expliqui un conte?"),
        (["Estic molt bé", "Bé, gràcies", "Jo també bé"], "Me n'alegro!"),
        (["Explica'm un acudit", "Digues alguna cosa divertida"], "Què li diu un peix a un altre peix? Res."),
        (["Quin és el teu color preferit?", "Quin color t'agrada més?"], "M'agrada el verd."),
    ],
    eu=[
        (["Kaixo", "Kaixo, zer moduz?", "Aupa", "Kaixo, Pocket"], "Kaixo! Zertan lagun diezazuket?"),
        (["Zer moduz zaude?", "Nola zaude?"], "Oso ondo, eskerrik asko. Eta zu?"),
        (["Zer dakizu egiten?", "Zertan lagun diezadakezu?", "Laguntza"], "Ipuinak kontatzen, hitzak itzultzen, esaten didazuna gogoratzen eta galdera errazei erantzuten dakit."),
        (["Eskerrik asko", "Mila esker", "Eskerrik asko laguntzagatik"], "Ez horregatik."),
        (["Agur", "Gero arte", "Bihar arte"], "Laster arte!"),
        (["Zein hizkuntza dakizkizu?", "Euskaraz badakizu?"], "Gaztelania, katalana, euskara, galegoa eta ingelesa dakizkit."),
        (["Pertsona bat zara?", "Robot bat zara?"], "Ez naiz pertsona bat: programa bat naiz."),
        (["Non bizi zara?", "Non zaude?"], "Lau megabyte baino gutxiagoko fitxategi batean bizi naiz."),
        (["Triste nago", "Gaur triste nago"], "Sentitzen dut. Ipuin bat kontatzea nahi duzu?"),
        (["Oso ondo nago", "Ondo, eskerrik asko", "Ni ere ondo"], "Pozten naiz!"),
        (["Kontatu txiste bat", "Esan zerbait barregarria"], "Zer esaten dio arrain batek beste bati? Ezer ez."),
        (["Zein da zure kolore gogokoena?", "Zein kolore gustatzen zaizu gehien?"], "Berdea gustatzen zait."),
    ],
    gl=[
        (["Ola", "Ola, que tal?", "Boas", "Ola, Pocket"], "Ola! En que podo axudarche?"),
        (["Como estás?", "Que tal estás?"], "Moi ben, grazas. E ti?"),
        (["Que sabes facer?", "En que me podes axudar?", "Axuda"], "Sei contar contos, traducir palabras, lembrar o que me dis e responder preguntas sinxelas."),
        (["Grazas", "Moitas grazas", "Grazas pola túa axuda"], "De nada."),
        (["Adeus", "Ata logo", "Ata mañá"], "Ata pronto!"),
        (["Que idiomas falas?", "Falas galego?"], "Falo castelán, catalán, éuscaro, galego e inglés."),
        (["Es unha persoa?", "Es un robot?"], "Non son unha persoa: son un programa."),
        (["Onde vives?", "Onde estás?"], "Vivo nun ficheiro de menos de catro megabytes."),
        (["Estou triste", "Hoxe estou triste"], "Síntoo. Queres que che conte un conto?"),
        (["Estou moi ben", "Ben, grazas", "Eu tamén ben"], "Alégrome!"),
        (["Cóntame un chiste", "Dime algo gracioso"], "Que lle di un peixe a outro peixe? Nada."),
        (["Cal é a túa cor favorita?", "Que cor che gusta máis?"], "Gústame o verde."),
    ],
    en=[
        (["Hello", "Hi, how is it going?", "Hi", "Hello, Pocket"], "Hello! How can I help you?"),
        (["How are you?", "How are you doing?"], "Very well, thank you. And you?"),
        (["What can you do?", "How can you help me?", "Help"], "I can tell stories, translate words, remember what you tell me and answer simple questions."),
        (["Thanks", "Thank you very much", "Thank you for your help"], "You are welcome."),
        (["Goodbye", "See you later", "See you tomorrow"], "See you soon!"),
        (["Which languages do you speak?", "Do you speak English?"], "I speak Spanish, Catalan, Basque, Galician and English."),
        (["Are you a person?", "Are you a robot?"], "I am not a person: I am a program."),
        (["Where do you live?", "Where are you?"], "I live in a file of less than four megabytes."),
        (["I am sad", "I am sad today"], "I am sorry. Would you like to hear a story?"),
        (["I am very well", "Fine, thanks", "I am fine too"], "I am glad!"),
        (["Tell me a joke", "Say something funny"], "What does one fish say to another fish? Nothing."),
        (["What is your favourite colour?", "Which colour do you like best?"], "I like green."),
    ],
)  # fmt: skip
WHO_ARE_YOU = dict(
    es=["¿Quién eres?", "¿Cómo te llamas?"],
    ca=["Qui ets?", "Com et dius?"],
    eu=["Nor zara zu?", "Zein da zure izena?"],
    gl=["Quen es?", "Como te chamas?"],
    en=["Who are you?", "What is your name?"],
)
