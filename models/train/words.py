"""The words of the five languages, and the little grammar that the templates need."""

from dataclasses import dataclass

LANGUAGES = ("es", "ca", "eu", "gl", "en")

# How a text in the outer language says "in …" of the inner one, as after "Answer": (es, ca, eu, gl, en).
IN_LANGUAGE = {
    "es": dict(es="en español", ca="en catalán", eu="en euskera", gl="en gallego", en="en inglés"),
    "ca": dict(es="en castellà", ca="en català", eu="en basc", gl="en gallec", en="en anglès"),
    "eu": dict(es="gaztelaniaz", ca="katalanez", eu="euskaraz", gl="galegoz", en="ingelesez"),
    "gl": dict(es="en castelán", ca="en catalán", eu="en éuscaro", gl="en galego", en="en inglés"),
    "en": dict(es="in Spanish", ca="in Catalan", eu="in Basque", gl="in Galician", en="in English"),
}


_VOWEL_ENDS = "aeiouàèéíòóú"


class Name(str):
    """A person's or animal's name; `k` and `ri` are its Basque ergative and dative."""

    @property
    def k(self):
        if self[-1] in _VOWEL_ENDS:
            return self + "k"
        return self + ("rek" if self[-1] == "r" else "ek")

    @property
    def ri(self):
        return self + ("ri" if self[-1] in f"{_VOWEL_ENDS}r" else "i")


@dataclass(frozen=True)
class Noun:
    """`bare` cat, `a` a cat, `the` the cat, `with_the` with the cat; `it` stands for it before or after "has"."""

    bare: str
    a: str
    the: str
    with_the: str
    feminine: bool = False
    it: str = ""


@dataclass(frozen=True)
class Colour:
    bare: str
    masculine: str
    feminine: str

    def of(self, noun):
        return self.feminine if noun.feminine else self.masculine


def _spanish(text):
    bare, gender = text.split("/")
    f = gender == "f"
    the = f"{'la' if f else 'el'} {bare}"
    return Noun(bare, f"{'una' if f else 'un'} {bare}", the, f"con {the}", f, "la" if f else "lo")


def _catalan(text):
    bare, gender = text.split("/")
    f = gender == "f"
    the = f"l'{bare}" if bare[0] in "aeiouàéèíóòú" else f"{'la' if f else 'el'} {bare}"
    return Noun(bare, f"{'una' if f else 'un'} {bare}", the, f"amb {the}", f, "la" if f else "el")


def _galician(text):
    bare, gender = text.split("/")
    f = gender == "f"
    article = "a" if f else "o"
    return Noun(bare, f"{'unha' if f else 'un'} {bare}", f"{article} {bare}", f"c{'o' if f else ''}{article} {bare}", f, article)


def _basque(text):
    bare, the = text.split("/")
    return Noun(bare, f"{bare} bat", the, f"{the}rekin")


def _english(bare):
    return Noun(bare, f"{'an' if bare[0] in 'aeiou' else 'a'} {bare}", f"the {bare}", f"with the {bare}")


_MAKE_NOUN = dict(es=_spanish, ca=_catalan, eu=_basque, gl=_galician, en=_english)

# es, ca and gl with their gender; eu with its definite form.
_THINGS = """
house    casa/f       casa/f       etxe/etxea        casa/f
book     libro/m      llibre/m     liburu/liburua    libro/m
chair    silla/f      cadira/f     aulki/aulkia      cadeira/f
table    mesa/f       taula/f      mahai/mahaia      mesa/f
key      llave/f      clau/f       giltza/giltza     chave/f
flower   flor/f       flor/f       lore/lorea        flor/f
car      coche/m      cotxe/m      auto/autoa        coche/m
ball     pelota/f     pilota/f     pilota/pilota     pelota/f
hat      sombrero/m   barret/m     kapela/kapela     sombreiro/m
cup      taza/f       tassa/f      katilu/katilua    taza/f
bag      bolsa/f      bossa/f      poltsa/poltsa     bolsa/f
bicycle  bicicleta/f  bicicleta/f  bizikleta/bizikleta bicicleta/f
apple    manzana/f    poma/f       sagar/sagarra     mazá/f
guitar   guitarra/f   guitarra/f   gitarra/gitarra   guitarra/f
pencil   lápiz/m      llapis/m     arkatz/arkatza    lapis/m
box      caja/f       caixa/f      kutxa/kutxa       caixa/f
umbrella paraguas/m   paraigua/m   aterki/aterkia    paraugas/m
ring     anillo/m     anell/m      eraztun/eraztuna  anel/m
"""
_ANIMALS = """
cat      gato/m       gat/m        katu/katua        gato/m
dog      perro/m      gos/m        txakur/txakurra   can/m
horse    caballo/m    cavall/m     zaldi/zaldia      cabalo/m
bird     pájaro/m     ocell/m      txori/txoria      paxaro/m
fish     pez/m        peix/m       arrain/arraina    peixe/m
hen      gallina/f    gallina/f    oilo/oiloa        galiña/f
fox      zorro/m      guineu/f     azeri/azeria      raposo/m
bear     oso/m        ós/m         hartz/hartza      oso/m
mouse    ratón/m      ratolí/m     sagu/sagua        rato/m
rabbit   conejo/m     conill/m     untxi/untxia      coello/m
"""
# es, ca and gl as masculine[/feminine]; Basque colours with the article, as they stand after a noun and before "da".
_COLOURS = """
red    rojo/roja         vermell/vermella  gorri/gorria    vermello/vermella
blue   azul              blau/blava        urdin/urdina    azul
green  verde             verd/verda        berde/berdea    verde
yellow amarillo/amarilla groc/groga        hori/horia      amarelo/amarela
white  blanco/blanca     blanc/blanca      zuri/zuria      branco/branca
black  negro/negra       negre/negra       beltz/beltza    negro/negra
brown  marrón            marró             marroi/marroia  marrón
grey   gris              gris              gris/grisa      gris
"""
# Where somebody is.
_PLACES = """
in the kitchen|en la cocina|a la cuina|sukaldean|na cociña
in the garden|en el jardín|al jardí|lorategian|no xardín
at school|en la escuela|a l'escola|eskolan|na escola
in the park|en el parque|al parc|parkean|no parque
on the beach|en la playa|a la platja|hondartzan|na praia
in the forest|en el bosque|al bosc|basoan|no bosque
on the mountain|en la montaña|a la muntanya|mendian|na montaña
in the library|en la biblioteca|a la biblioteca|liburutegian|na biblioteca
in the shop|en la tienda|a la botiga|dendan|na tenda
by the river|junto al río|vora el riu|ibai ondoan|á beira do río
at the market|en el mercado|al mercat|merkatuan|no mercado
at the station|en la estación|a l'estació|geltokian|na estación
"""
NAMES = [
    Name(name)
    for name in """
    Ana Luis Marta Pablo Lucía Hugo Carmen Diego Núria Jordi Mercè Oriol Laia Arnau Pol Jana
    Ane Jon Nerea Aitor Maite Iker Amaia Unai Uxía Brais Sabela Xoán Iria Antía Roi Anxo
    Emma Tom Alice Ben Clara Sam Rose Oliver
    """.split()
]


def _table(text, make):
    """Rows of en, es, ca, eu, gl → {language: {concept: made}}."""
    rows = [line.split("|") if "|" in line else line.split() for line in text.strip().splitlines()]
    order = ("en", "es", "ca", "eu", "gl")
    return {lang: {row[0]: make(lang, row[column]) for row in rows} for column, lang in enumerate(order)}


def _colour(lang, text):
    first, _, second = text.partition("/")
    if lang == "eu":
        return Colour(first, second, second)
    return Colour(first, first, second or first)


THINGS = _table(_THINGS, lambda lang, text: _MAKE_NOUN[lang](text))
ANIMALS = _table(_ANIMALS, lambda lang, text: _MAKE_NOUN[lang](text))
COLOURS = _table(_COLOURS, _colour)
PLACES = _table(_PLACES, lambda lang, text: text)
NOUNS = {lang: THINGS[lang] | ANIMALS[lang] for lang in LANGUAGES}


def coloured(lang, noun, colour):
    """The red house, in `lang`."""
    thing, shade = NOUNS[lang][noun], COLOURS[lang][colour]
    if lang == "en":
        return f"the {shade.bare} {thing.bare}"
    if lang == "eu":
        return f"{thing.bare} {shade.masculine}"
    return f"{thing.the} {shade.of(thing)}"


def upper_first(text):
    return text[0].upper() + text[1:]


_ONSETS = "b d f g k l m n p r s t v z br dr tr ch l m n t".split()
_VOWELS = "a e i o u a e i o ia io ei".split()
_CODAS = "n l s r".split() + [""] * 6


def made_up_word(rng):
    """A word of two or three syllables that no language knows; it takes copying, not knowing."""
    syllables = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((2, 2, 3)))]
    return "".join(syllables) + rng.choice(_CODAS)


def any_name(rng):
    """Mostly a known name, otherwise one that was never heard."""
    return rng.choice(NAMES) if rng.random() < 0.97 else Name(made_up_word(rng).capitalize())
