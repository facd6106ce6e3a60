"""The closed worlds: each kind makes a question and its one right answer.

A kind is a function (rng, asked, answered, held_out) → [Exchange, …]: `asked` and `answered` are languages, further exchanges
follow up on the first. What a question turns on (who and what, two numbers, a country and a phrasing) is its combination;
a tenth of all combinations, chosen by their hash, is held out: training never sees them.
"""

import hashlib
from dataclasses import dataclass, replace

import phrases
from facts import CAPITALS, RIVERS
from words import (
    ANIMALS, COLOURS, IN_LANGUAGE, LANGUAGES, NAMES, NOUNS, PLACES, THINGS, any_name, coloured, made_up_word, upper_first,
)  # fmt: skip

_FOLLOWS = 0.8


@dataclass(frozen=True)
class Exchange:
    kind: str
    question: str
    answer: str
    # Where set, any answer that has all of these is right; `answer` is one of them.
    contains: tuple[str, ...] = ()


def is_held_out(kind, *combination):
    text = "|".join(map(str, (kind, *combination)))
    return hashlib.sha256(text.encode()).digest()[0] % 10 == 0


def draw(kind, held_out, make):
    """The first of make()'s combinations that is on the wanted side."""
    while True:
        combination = make()
        if is_held_out(kind, *combination) == held_out:
            return combination


def distinct(count, make):
    """`count` values of make(), all different."""
    values = []
    while len(values) < count:
        value = make()
        if value not in values:
            values.append(value)
    return values


def sentence(facts, join):
    if join == " y " and facts[-1].lower().startswith("i"):
        join = " e "  # Spanish, before the same sound
    head = ", ".join(facts[:-1])
    return upper_first(f"{head}{join}{facts[-1]}." if head else f"{facts[-1]}.")


def capitalised(noun):
    return replace(noun, the=upper_first(noun.the), with_the=upper_first(noun.with_the))


def bound_pairs(rng, kind, held_out, left, right):
    """Two to four pairs (left, right), no value twice; the first one is asked about, then they are shuffled for telling."""
    while True:
        asked = draw(kind, held_out, lambda: (left(), right()))
        others = [draw(kind, False, lambda: (left(), right())) for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))]
        pairs = [asked, *others]
        if len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs):
            return asked, others, rng.sample(pairs, len(pairs))


def follow_ups(rng, told, first, others, ask):
    """The first question together with what is told, then, mostly, one about each of the others."""
    exchange = ask(first)
    exchanges = [replace(exchange, question=f"{told} {exchange.question}")]
    for other in others:
        if rng.random() < _FOLLOWS:
            exchanges.append(ask(other))
    return exchanges


def has(rng, asked, answered, held_out):
    text, reply = phrases.HAS[asked], phrases.HAS[answered]
    first, others, pairs = bound_pairs(rng, "has", held_out, lambda: any_name(rng), lambda: rng.choice(list(NOUNS["en"])))
    told_by = rng.choice(("what", "what", "who"))

    def fact(lang, words, pair):
        return words[f"{told_by}_fact"].format(who=pair[0], noun=NOUNS[lang][pair[1]])

    def ask(pair):
        form = rng.choice(("what", "what", "is_it")) if told_by == "what" else "who"
        noun = rng.choice(pairs)[1] if form == "is_it" else pair[1]
        question = rng.choice(text[form]).format(who=pair[0], noun=NOUNS[asked][noun])
        return Exchange("has", upper_question(question), upper_first(fact(answered, reply, pair)) + ".")

    told = sentence([fact(asked, text, pair) for pair in pairs], text["join"])
    return follow_ups(rng, told, first, others, ask)


def upper_question(question):
    """¿ stands before the capital."""
    return question if question[0] == "¿" else upper_first(question)


def where(rng, asked, answered, held_out):
    text, reply = phrases.WHERE[asked], phrases.WHERE[answered]
    first, others, pairs = bound_pairs(
        rng, "where", held_out, lambda: any_name(rng), lambda: rng.choice(list(PLACES["en"]))
    )
    told_by = rng.choice(("where", "who"))

    def fact(lang, words, pair):
        return words[f"{told_by}_fact"].format(who=pair[0], place=PLACES[lang][pair[1]])

    def ask(pair):
        question = rng.choice(text[told_by]).format(who=pair[0], place=PLACES[asked][pair[1]])
        return Exchange("where", question, upper_first(fact(answered, reply, pair)) + ".")

    told = sentence([fact(asked, text, pair) for pair in pairs], text["join"])
    return follow_ups(rng, told, first, others, ask)


def colour(rng, asked, answered, held_out):
    text, reply = phrases.COLOUR[asked], phrases.COLOUR[answered]
    first, others, pairs = bound_pairs(
        rng, "colour", held_out, lambda: rng.choice(list(NOUNS["en"])), lambda: rng.choice(list(COLOURS["en"]))
    )

    def fact(lang, form, pair):
        noun = NOUNS[lang][pair[0]]
        return form["fact"].format(noun=noun, shade=COLOURS[lang][pair[1]].of(noun))

    told = sentence([fact(asked, text, pair) for pair in pairs], text["join"])

    def ask(pair):
        question = rng.choice(text["ask"]).format(noun=NOUNS[asked][pair[0]])
        return Exchange("colour", question, upper_first(fact(answered, reply, pair)) + ".")

    return follow_ups(rng, told, first, others, ask)


def age(rng, asked, answered, held_out):
    text, reply = phrases.AGE[asked], phrases.AGE[answered]
    first, others, pairs = bound_pairs(rng, "age", held_out, lambda: any_name(rng), lambda: rng.randint(2, 99))
    told = sentence([text["fact"].format(who=who, n=n) for who, n in pairs], text["join"])

    def ask(pair):
        who, n = pair
        return Exchange("age", rng.choice(text["ask"]).format(who=who), reply["fact"].format(who=who, n=n) + ".")

    return follow_ups(rng, told, first, others, ask)


def after(rng, asked, answered, held_out):
    (n,) = draw("after", held_out, lambda: (rng.randint(10, 98),))
    question = rng.choice(phrases.AFTER[asked]["ask"]).format(n=n)
    return [Exchange("after", question, phrases.AFTER[answered]["answer"].format(n=n, m=n + 1))]


def greater(rng, asked, answered, held_out):
    low, high = draw("greater", held_out, lambda: tuple(sorted(rng.sample(range(10, 100), 2))))
    a, b = rng.sample((low, high), 2)
    question = rng.choice(phrases.GREATER[asked]["ask"]).format(a=a, b=b)
    if asked == "es" and (b == 11 or str(b)[0] == "8"):
        question = question.replace(" o ", " u ")  # before the same sound
    return [Exchange("greater", question, phrases.GREATER[answered]["answer"].format(a=a, b=b, n=high))]


def capital(rng, asked, answered, held_out):
    forms = phrases.CAPITAL[asked]["ask"]
    country, phrasing, _ = draw(
        "capital", held_out, lambda: (rng.randrange(len(CAPITALS)), rng.randrange(len(forms)), asked)
    )
    question = forms[phrasing].format(of=CAPITALS[country][asked][0])
    of, city = CAPITALS[country][answered]
    answer = phrases.CAPITAL[answered]["answer"].format(of=of, city=city)
    return [Exchange("capital", upper_question(question), upper_first(answer))]


def river(rng, asked, answered, held_out):
    forms = phrases.RIVER[asked]["ask"]
    fact, phrasing, _ = draw("river", held_out, lambda: (rng.randrange(len(RIVERS)), rng.randrange(len(forms)), asked))
    city, water = RIVERS[fact][answered]
    question = forms[phrasing].format(city=RIVERS[fact][asked][0])
    return [Exchange("river", question, upper_first(phrases.RIVER[answered]["answer"].format(city=city, river=water)))]


def _translation(rng, asked, answered, kind, render, source, target):
    text = render(source)
    question = rng.choice(phrases.TRANSLATE[asked]["ask"]).format(text=text, into=IN_LANGUAGE[asked][target])
    reply = phrases.TRANSLATE[answered]["answer"].format(
        text=text, into=IN_LANGUAGE[answered][target], other=render(target)
    )
    return [Exchange(kind, question, reply)]


def _directions(rng, asked):
    """From or into the language of the question, mostly."""
    other = rng.choice([lang for lang in LANGUAGES if lang != asked])
    if rng.random() < 0.6:
        return asked, other
    return rng.choice([lang for lang in LANGUAGES if lang != other]), other


def translate_word(rng, asked, answered, held_out):
    def spelled(lang, word):
        return (NOUNS[lang].get(word) or COLOURS[lang][word]).bare

    def make():
        return (*_directions(rng, asked), rng.choice(list(NOUNS["en"]) + list(COLOURS["en"])))

    source, target, word = draw("translate_word", held_out, make)
    # A word that another language spells alike may be known by way of that one.
    while held_out and any(spelled(lang, word) == spelled(source, word) for lang in LANGUAGES if lang != source):
        source, target, word = draw("translate_word", held_out, make)
    return _translation(rng, asked, answered, "translate_word", lambda lang: spelled(lang, word), source, target)


def translate_phrase(rng, asked, answered, held_out):
    noun, shade = draw(
        "translate_phrase", held_out, lambda: (rng.choice(list(NOUNS["en"])), rng.choice(list(COLOURS["en"])))
    )
    source, target = _directions(rng, asked)
    return _translation(
        rng, asked, answered, "translate_phrase", lambda lang: coloured(lang, noun, shade), source, target
    )


def repeat(rng, asked, answered, held_out):
    def word():
        chance = rng.random()
        if chance < 0.05:
            return made_up_word(rng)
        if chance < 0.3:
            return str(rng.randint(10, 99))
        return rng.choice(list(NOUNS[asked].values())).bare

    words = draw("repeat", held_out, lambda: distinct(rng.randint(1, 4), word))
    question = rng.choice(phrases.REPEAT[asked]["ask"]).format(words=", ".join(words))
    return [Exchange("repeat", question, phrases.REPEAT[answered]["answer"].format(words=", ".join(words)))]


def greet(rng, asked, answered, held_out):
    """The name that is told, and the exchange that tells it."""
    text, reply = phrases.GREETING[asked], phrases.GREETING[answered]
    hello, who = draw("greeting", held_out, lambda: (rng.randrange(4), any_name(rng)))
    question = text["tell"].format(hello=text["hellos"][hello], who=who)
    return who, Exchange("greeting", question, reply["answer"].format(hello=reply["hellos"][hello], who=who))


def greeting(rng, asked, answered, held_out):
    return [greet(rng, asked, answered, held_out)[1]]


def unknown(rng, asked, answered, held_out):
    (word,) = draw("unknown", held_out, lambda: (made_up_word(rng),))
    question = rng.choice(phrases.UNKNOWN[asked]["ask"]).format(word=word, name=word.capitalize())
    return [Exchange("unknown", question, phrases.UNKNOWN[answered]["answer"])]


def talk(rng, asked, answered, held_out):
    """Learnt by heart, so nothing of it is held out."""
    item = rng.randrange(len(phrases.TALK["en"]))
    return [Exchange("talk", rng.choice(phrases.TALK[asked][item][0]), phrases.TALK[answered][item][1])]


@dataclass(frozen=True)
class Story:
    hero: str
    noun: str
    who: str
    place: str
    place2: str
    friend: str
    end: int

    def words(self, lang):
        hero, noun = ANIMALS[lang][self.hero], THINGS[lang][self.noun]
        place = PLACES[lang][self.place]
        return dict(
            hero=hero, Hero=capitalised(hero), noun=noun, Noun=capitalised(noun), who=self.who, friend=self.friend,
            place=place, Place=upper_first(place), place2=PLACES[lang][self.place2],
        )  # fmt: skip

    def tell(self, lang):
        text = phrases.STORY[lang]
        return f"{text['start']} {text['ends'][self.end]}".format(**self.words(lang))


def draw_story(rng, held_out, kind="story"):
    hero, noun = draw(kind, held_out, lambda: (rng.choice(list(ANIMALS["en"])), rng.choice(list(THINGS["en"]))))
    who, friend = distinct(2, lambda: any_name(rng))
    place, place2 = rng.sample(list(PLACES["en"]), 2)
    return Story(hero, noun, who, place, place2, friend, rng.randrange(3))


def story(rng, asked, answered, held_out):
    """A story to be told: right where it has both things asked for."""
    tale = draw_story(rng, held_out)
    words = tale.words(answered)
    question = rng.choice(phrases.STORY[asked]["request"]).format(**tale.words(asked))
    return [Exchange("story", question, tale.tell(answered), (words["hero"].a, words["noun"].bare))]


def reading(rng, asked, answered, held_out):
    """A story told by the user, and questions about it."""
    tale = draw_story(rng, held_out, "reading")
    exchanges = []
    for form in rng.sample(("name", "where", "found"), rng.choice((1, 1, 2, 3))):
        question = phrases.STORY[asked][form][0].format(**tale.words(asked))
        answer = phrases.STORY[answered][form][1].format(**tale.words(answered))
        exchanges.append(Exchange("reading", question, upper_first(answer)))
    exchanges[0] = replace(exchanges[0], question=f"{tale.tell(asked)} {exchanges[0].question}")
    return exchanges


def tell_name(rng, asked, answered, held_out):
    if rng.random() < 0.4:
        return greet(rng, asked, answered, held_out)
    (who,) = draw("my_name", held_out, lambda: (any_name(rng),))
    return who, Exchange(
        "my_name", rng.choice(phrases.MY_NAME[asked]["tell"]).format(who=who), phrases.MY_NAME[answered]["answer"].format(who=who)
    )  # fmt: skip


def tell_number(rng, asked, answered, held_out):
    (n,) = draw("my_number", held_out, lambda: (rng.randint(10, 99),))
    return n, Exchange(
        "my_number", rng.choice(phrases.MY_NUMBER[asked]["tell"]).format(n=n), phrases.MY_NUMBER[answered]["answer"].format(n=n)
    )  # fmt: skip


def recall_name(rng, asked, answered, who):
    answer = phrases.MY_NAME[answered]["recall"].format(who=who)
    return Exchange("my_name", rng.choice(phrases.MY_NAME[asked]["ask"]), answer)


def recall_number(rng, asked, answered, n):
    answer = phrases.MY_NUMBER[answered]["recall"].format(n=n)
    return Exchange("my_number", rng.choice(phrases.MY_NUMBER[asked]["ask"]), answer)


def recall_nothing(rng, asked, answered, memory):
    """What was never told."""
    text = dict(name=phrases.MY_NAME, number=phrases.MY_NUMBER)[memory]
    return Exchange("not_told", rng.choice(text[asked]["ask"]), phrases.NOT_TOLD[answered])


# Each memory: telling it, and asking for it any number of turns later.
MEMORIES = dict(name=(tell_name, recall_name), number=(tell_number, recall_number))

# How often each kind is drawn in training; at its very start: only what is found in the text before; later: more of
# what is known by heart, which takes longest; and last: less of that again.
_FIND = {has: 2.0, where: 1.5, colour: 1.3, age: 1.1}
KINDS = _FIND | {
    reading: 0.9, repeat: 0.8, after: 1.0, greater: 0.9, capital: 1.2, river: 0.9,
    translate_word: 1.8, translate_phrase: 0.9, unknown: 0.5, talk: 0.5, story: 0.25,
}  # fmt: skip
FIRST_KINDS = _FIND | {repeat: 1.5}
LATER_KINDS = {
    has: 1.5, where: 1.6, colour: 0.8, age: 0.7, reading: 0.6, repeat: 1.0, after: 0.6, greater: 0.7, capital: 1.6, river: 1.0,
    translate_word: 3.2, translate_phrase: 2.2, unknown: 0.4, talk: 0.4, story: 0.2,
}  # fmt: skip
LAST_KINDS = {
    has: 1.6, where: 1.6, colour: 1.2, age: 0.8, reading: 0.9, repeat: 1.4, after: 1.0, greater: 0.9, capital: 1.6, river: 0.9,
    translate_word: 2.5, translate_phrase: 1.2, unknown: 0.4, talk: 0.4, story: 0.2,
}  # fmt: skip
END_KINDS = LAST_KINDS | {has: 2.0, where: 2.0, age: 1.5, story: 0.7, translate_word: 1.5}
TALK_KINDS = LAST_KINDS | {talk: 4.0, story: 0.5}
