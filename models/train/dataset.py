"""Rows of tokens to train on: each is one conversation (or a few plain stories), cut at the row's length.

    python dataset.py DIRECTORY        writes DIRECTORY/rows-PART.npy, [rows, length + 1, (token, loss class)]
"""

import random
import sys
from pathlib import Path

import numpy

import config
from conversations import LANGUAGE_WEIGHTS, SYSTEM_ASKS, begin, plain_story, sloppy, turns
from kinds import END_KINDS, FIRST_KINDS, KINDS, LAST_KINDS, LATER_KINDS, TALK_KINDS
from vocabulary import Vocabulary

_SEED = 20260102
# Catalan was left behind the others.
_END_LANGUAGES = dict(es=1.0, ca=2.4, eu=1.4, gl=1.3, en=1.0)
# Rows of each part of the training: their length, how many, the kinds they have, and how
# often the system turn asks for a language and each language is drawn.
PARTS = {
    "first": (128, 8_000, FIRST_KINDS),
    "128": (128, 70_000, KINDS),
    "256": (256, 18_000, KINDS),
    "512": (512, 3_600, KINDS),
    "1024": (1024, 1_000, KINDS),
    "2048": (2048, 160, KINDS),
    "later 128": (128, 12_400, LATER_KINDS),
    "later 256": (256, 4_500, LATER_KINDS),
    "later 512": (512, 1_000, LATER_KINDS),
    "later 1024": (1024, 400, LATER_KINDS),
    "later 2048": (2048, 40, LATER_KINDS),
    "last 128": (128, 7_000, LAST_KINDS, 0.6),
    "last 256": (256, 2_000, LAST_KINDS, 0.6),
    "last 512": (512, 400, LAST_KINDS, 0.6),
    "last 1024": (1024, 100, LAST_KINDS, 0.6),
    "end 128": (128, 3_200, END_KINDS, 0.4, _END_LANGUAGES),
    "end 256": (256, 1_200, END_KINDS, 0.4, _END_LANGUAGES),
    "end 512": (512, 600, END_KINDS, 0.4, _END_LANGUAGES),
    "end 1024": (1024, 200, END_KINDS, 0.4, _END_LANGUAGES),
    "talk 128": (128, 4_000, TALK_KINDS),
    "talk 256": (256, 1_200, TALK_KINDS),
    "talk 512": (512, 500, TALK_KINDS),
    "talk 1024": (1024, 160, TALK_KINDS),
}
_PLAIN_ROWS = 0.03
# What a token's loss counts for: text, the assistant's words.
TEXT, ANSWER = 0, 1


def conversation_row(rng, vocabulary, length, kinds, asks, languages):
    """length + 1 tokens and their loss classes."""
    conversation = begin(rng, asks, languages)
    tokens = [config.BOS, *vocabulary.turn("system", conversation.system)]
    classes = [TEXT] * len(tokens)
    newline = vocabulary.encode("\n")
    opening = [config.IM_START, *vocabulary.encode("assistant\n")]
    for exchange in turns(rng, conversation, kinds):
        if len(tokens) > length:
            break
        asked = [*vocabulary.turn("user", sloppy(rng, exchange.question)), *opening]
        answered = [*vocabulary.encode(exchange.answer), config.IM_END]
        tokens += [*asked, *answered, *newline]
        classes += [TEXT] * len(asked) + [ANSWER] * len(answered) + [TEXT] * len(newline)
    return tokens[: length + 1], classes[: length + 1]


def plain_row(rng, vocabulary, length, _kinds, _asks, _languages):
    tokens = []
    while len(tokens) <= length:
        tokens += [config.BOS, *vocabulary.encode(plain_story(rng)), config.EOS]
    return tokens[: length + 1], [ANSWER] * (length + 1)


def rows(rng, vocabulary, length, count, kinds, asks=SYSTEM_ASKS, languages=LANGUAGE_WEIGHTS):
    out = numpy.empty((count, length + 1, 2), numpy.uint16)
    for row in out:
        make = plain_row if rng.random() < _PLAIN_ROWS else conversation_row
        row[:, 0], row[:, 1] = make(rng, vocabulary, length, kinds, asks, languages)
    return out


def write(directory):
    vocabulary = Vocabulary(directory)
    for part, shape in PARTS.items():
        rng = random.Random(f"{_SEED} {part}")
        numpy.save(Path(directory) / f"rows-{part}.npy", rows(rng, vocabulary, *shape))


if __name__ == "__main__":
    write(sys.argv[1])
