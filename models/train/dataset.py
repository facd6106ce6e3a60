"""Rows of tokens to train on: each is one conversation (or a few plain stories), cut at the row's length.

    python dataset.py DIRECTORY        writes DIRECTORY/rows-PART.npy, [rows, length + 1, (token, loss class)]
"""

import random
import sys
from pathlib import Path

import numpy

import config
from conversations import begin, plain_story, sloppy, turns
from kinds import FIRST_KINDS, KINDS
from vocabulary import Vocabulary

_SEED = 20260102
# Rows of each part of the training: their length, how many, and the kinds they have.
PARTS = {
    "first": (128, 8_000, FIRST_KINDS),
    "128": (128, 70_000, KINDS),
    "256": (256, 18_000, KINDS),
    "512": (512, 3_600, KINDS),
    "1024": (1024, 1_000, KINDS),
    "2048": (2048, 160, KINDS),
}
_PLAIN_ROWS = 0.03
# What a token's loss counts for: text, the assistant's words.
TEXT, ANSWER = 0, 1


def conversation_row(rng, vocabulary, length, kinds):
    """length + 1 tokens and their loss classes."""
    conversation = begin(rng)
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


def plain_row(rng, vocabulary, length, _kinds):
    tokens = []
    while len(tokens) <= length:
        tokens += [config.BOS, *vocabulary.encode(plain_story(rng)), config.EOS]
    return tokens[: length + 1], [ANSWER] * (length + 1)


def rows(rng, vocabulary, length, count, kinds):
    out = numpy.empty((count, length + 1, 2), numpy.uint16)
    for row in out:
        make = plain_row if rng.random() < _PLAIN_ROWS else conversation_row
        row[:, 0], row[:, 1] = make(rng, vocabulary, length, kinds)
    return out


def write(directory):
    vocabulary = Vocabulary(directory)
    for part, shape in PARTS.items():
        rng = random.Random(f"{_SEED} {part}")
        numpy.save(Path(directory) / f"rows-{part}.npy", rows(rng, vocabulary, *shape))


if __name__ == "__main__":
    write(sys.argv[1])
