"""Conversations of any length: a system turn, then questions and answers, with things to remember among them."""

from dataclasses import dataclass, field

import phrases
from kinds import KINDS, MEMORIES, Exchange, draw, draw_story, recall_nothing
from words import IN_LANGUAGE, LANGUAGES, NAMES, any_name

# Basque shares the fewest words with the others.
LANGUAGE_WEIGHTS = dict(es=1.0, ca=1.0, eu=1.4, gl=1.0, en=1.2)
# How often the system turn asks for a language, names the assistant, or says something else.
SYSTEM_ASKS, _SYSTEM_NAMES, _SYSTEM_OTHER = 0.35, 0.05, 0.06
_LANGUAGE_SWITCHES = 0.1
_REMEMBERS, _RECALLS, _WHO_ARE_YOU, _NOT_TOLD = 0.2, 0.16, 0.02, 0.02
_SLOPPY = 0.15


@dataclass
class Conversation:
    """The state of one conversation: what the system turn wants, and what was told."""

    system: str
    language: str
    answer_language: str | None = None
    assistant: str = "Pocket"
    told: dict = field(default_factory=dict)


def any_language(rng, weights=LANGUAGE_WEIGHTS):
    return rng.choices(LANGUAGES, [weights[language] for language in LANGUAGES])[0]


def system_language(rng, language, answer_language, written_in=None):
    """The system turn that asks for answers in `answer_language`."""
    written_in = written_in or rng.choice((language, answer_language, *LANGUAGES))
    return rng.choice(phrases.ANSWER_IN[written_in]).format(into=IN_LANGUAGE[written_in][answer_language])


def begin(rng, asks=SYSTEM_ASKS, weights=LANGUAGE_WEIGHTS):
    """`asks`: how often its system turn asks for a language; `weights`: how often each language is drawn."""
    language = any_language(rng, weights)
    chance = rng.random()
    if chance < asks:
        answer_language = any_language(rng, weights)
        return Conversation(system_language(rng, language, answer_language), language, answer_language)
    chance -= asks
    if chance < _SYSTEM_NAMES:
        (name,) = draw("assistant", False, lambda: (any_name(rng),))
        return Conversation(phrases.NAMED_SYSTEM[language][0].format(who=name), language, assistant=name)
    if chance - _SYSTEM_NAMES < _SYSTEM_OTHER:
        return Conversation(rng.choice(phrases.OTHER_SYSTEMS[rng.choice(LANGUAGES)]), language)
    return Conversation(phrases.DEFAULT_SYSTEM, language)


def turns(rng, conversation, kinds=KINDS):
    """Exchanges without end, none of them held out; `kinds` with their weights."""
    while True:
        asked = rng.choice(LANGUAGES) if rng.random() < _LANGUAGE_SWITCHES else conversation.language
        yield from next_exchanges(rng, conversation, asked, conversation.answer_language or asked, kinds)


def next_exchanges(rng, conversation, asked, answered, kinds=KINDS):
    if conversation.told and rng.random() < _RECALLS:
        memory = rng.choice(list(conversation.told))
        return [MEMORIES[memory][1](rng, asked, answered, conversation.told[memory])]
    untold = [memory for memory in MEMORIES if memory not in conversation.told]
    if untold and rng.random() < _REMEMBERS:
        memory = rng.choice(untold)
        conversation.told[memory], exchange = MEMORIES[memory][0](rng, asked, answered, False)
        return [exchange]
    if untold and rng.random() < _NOT_TOLD:
        return [recall_nothing(rng, asked, answered, rng.choice(untold))]
    if rng.random() < _WHO_ARE_YOU:
        answer = phrases.NAMED_SYSTEM[answered][1].format(who=conversation.assistant)
        return [Exchange("who", rng.choice(phrases.WHO_ARE_YOU[asked]), answer)]
    (kind,) = rng.choices(list(kinds), list(kinds.values()))
    return kind(rng, asked, answered, False)


def sloppy(rng, question):
    """As people type: at times without capital, without ¿, without the mark at the end."""
    if rng.random() < _SLOPPY:
        question = question.replace("¿", "").replace("¡", "")
    if rng.random() < _SLOPPY and not question.startswith(tuple(NAMES)):
        question = question[0].lower() + question[1:]
    if rng.random() < _SLOPPY:
        question = question.rstrip("?.!")
    return question


def plain_story(rng):
    """A story as plain text, without any chat around it."""
    return draw_story(rng, False).tell(rng.choice(LANGUAGES))
