"""The vocabulary: SentencePiece BPE with byte fallback over generated texts, and texts to ids.

    python vocabulary.py OUT_DIRECTORY
"""

import random
import sys
from itertools import islice
from pathlib import Path

import sentencepiece

import config
from conversations import begin, plain_story, turns
from facts import CAPITALS, RIVERS
from words import COLOURS, LANGUAGES, NAMES, NOUNS, PLACES

_SEED = 20260101
_CONVERSATIONS, _EXCHANGES, _WORD_COUNT = 12_000, 8, 1_000


def _texts():
    rng = random.Random(_SEED)
    for _ in range(_CONVERSATIONS):
        conversation = begin(rng)
        yield conversation.system
        for exchange in islice(turns(rng, conversation), _EXCHANGES):
            yield exchange.question
            yield exchange.answer
        yield plain_story(rng)
    for word in _whole_words():
        yield from [word, f" {word}"] * _WORD_COUNT


def _whole_words():
    """What is copied and looked up should be one piece a word, at the beginning of a text as well: that is then one step."""
    yield from ("system", "user", "assistant") * 8
    yield from NAMES
    facts = " ".join(part for fact in CAPITALS + RIVERS for pair in fact.values() for part in pair)
    places = " ".join(place for places in PLACES.values() for place in places.values())
    yield from dict.fromkeys(f"{facts} {places}".split())
    for language in LANGUAGES:
        for noun in NOUNS[language].values():
            yield from dict.fromkeys((noun.bare, noun.the.split()[-1]))
        for colour in COLOURS[language].values():
            yield from dict.fromkeys((colour.bare, colour.masculine, colour.feminine))


def train(directory):
    """Writes DIRECTORY/pocket.model; a piece's score is minus its rank."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=_texts(),
        model_prefix=str(directory / "pocket"),
        model_type="bpe",
        vocab_size=config.VOCAB_LENGTH,
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        split_digits=True,
        unk_id=config.UNK,
        bos_id=config.BOS,
        eos_id=config.EOS,
        pad_id=config.PAD,
        control_symbols=list(config.CONTROL_TOKENS[4:]),
        num_threads=1,
        minloglevel=1,
    )


class Vocabulary:
    def __init__(self, directory):
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(Path(directory) / "pocket.model"))
        assert [self.pieces.IdToPiece(i) for i in range(6)] == list(config.CONTROL_TOKENS)

    def encode(self, text):
        return self.pieces.EncodeAsIds(text)

    def turn(self, role, content):
        """One turn of ChatML with its closing newline."""
        return [config.IM_START, *self.encode(f"{role}\n{content}"), config.IM_END, *self.encode("\n")]

    def prompt(self, messages):
        """What the chat template makes of `messages`, which begin with a system turn, up to where the assistant answers."""
        tokens = [config.BOS]
        for message in messages:
            tokens += self.turn(message["role"], message["content"])
        return [*tokens, config.IM_START, *self.encode("assistant\n")]

    def decode(self, tokens):
        return self.pieces.DecodeIds([int(token) for token in tokens])


if __name__ == "__main__":
    train(sys.argv[1])
