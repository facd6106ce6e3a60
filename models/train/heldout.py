"""The held-out questions: combinations that training never sees, about a hundred per language.

    python heldout.py FILE.jsonl

One object per line: messages (the system turn first; the last one is the user's), answer, language (of the answer), kind,
and at times contains: then every answer that has all of these strings is right. `answer` is exact otherwise.
"""

import json
import random
import sys

import kinds
import phrases
from conversations import Conversation, next_exchanges, system_language
from words import LANGUAGES

_SEED = 20260103
_PER_KIND = {
    "has": 10, "where": 8, "colour": 10, "age": 6, "after": 6, "greater": 6, "capital": 8, "river": 6,
    "translate_word": 8, "translate_phrase": 8, "repeat": 6, "greeting": 4, "unknown": 4, "story": 4, "reading": 8,
}  # fmt: skip
# Some worlds have fewer held-out questions than asked for.
_TRIES = 400
_SYSTEM_LANGUAGE = 12
_RECALL = {"recall_near": (2, 4), "recall_500": (4, 500), "recall_1000": (3, 1000)}


def message(role, content):
    return dict(role=role, content=content)


def record(kind, language, system, exchanges, last):
    messages = [message("system", system)]
    for exchange in exchanges:
        messages += [message("user", exchange.question), message("assistant", exchange.answer)]
    messages.append(message("user", last.question))
    made = dict(kind=kind, language=language, messages=messages, answer=last.answer)
    return made | (dict(contains=list(last.contains)) if last.contains else {})


def questions(rng, language):
    for name, count in _PER_KIND.items():
        asked = set()
        for _ in range(_TRIES):
            exchange = getattr(kinds, name)(rng, language, language, True)[0]
            if len(asked) < count and exchange.question not in asked:
                asked.add(exchange.question)
                yield record(name, language, phrases.DEFAULT_SYSTEM, [], exchange)


def answers_in_another_language(rng, language):
    for i in range(_SYSTEM_LANGUAGE):
        asked = rng.choice([other for other in LANGUAGES if other != language])
        kind = (kinds.capital, kinds.greeting, kinds.colour, kinds.where, kinds.has, kinds.river)[i % 6]
        exchange = kind(rng, asked, language, True)[0]
        yield record("system_language", language, system_language(rng, asked, language), [], exchange)


def recalled(rng, language):
    """A name or a number, told first and asked for after a conversation of about so many tokens."""
    for kind, (count, distance) in _RECALL.items():
        for i in range(count):
            tell, recall = list(kinds.MEMORIES.values())[i % 2]
            told, first = tell(rng, language, language, True)
            conversation = Conversation(phrases.DEFAULT_SYSTEM, language)
            exchanges, length = [first], 0
            # A word is about 1.7 tokens, a turn has about 8 more.
            while length < distance:
                for filler in next_exchanges(rng, conversation, language, language):
                    if filler.kind in ("my_name", "greeting", "my_number", "not_told") or filler.question in phrases.WHO_ARE_YOU[language]:
                        continue
                    exchanges.append(filler)
                    length += 16 + 1.7 * len(f"{filler.question} {filler.answer}".split())
            yield record(kind, language, phrases.DEFAULT_SYSTEM, exchanges, recall(rng, language, language, told))


def write(path):
    rng = random.Random(_SEED)
    with open(path, "w", encoding="utf-8") as file:
        for language in LANGUAGES:
            for make in (questions, answers_in_another_language, recalled):
                for made in make(rng, language):
                    file.write(json.dumps(made, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write(sys.argv[1])
