"""Held-out scores of an exported file: its dequantised weights in float32, greedy decoding.

    python evaluate.py DIRECTORY FILE.gguf HELDOUT.jsonl        prints a table by language and kind; DIRECTORY has the vocabulary
"""

import json
import sys
from collections import defaultdict

import torch

import config
from model import Pocket
from vocabulary import Vocabulary
from words import LANGUAGES

_BATCH_TOKENS = 16_384
_MAX_ANSWER = 120
_ENDS = (config.IM_END, config.EOS)


def answered_right(model, vocabulary, records):
    """For each record whether greedy decoding would say exactly its answer and end the turn.

    One pass over prompt and answer tells: greedy decoding gives the answer if and only if each of its tokens is the
    likeliest after those before it.
    """
    texts = []
    for index, record in enumerate(records):
        prompt = vocabulary.prompt(record["messages"])
        answer = [*vocabulary.encode(record["answer"]), config.IM_END]
        texts.append((len(prompt) + len(answer), index, prompt, answer))
    texts.sort(key=lambda text: text[:2])
    right = [False] * len(records)
    while texts:
        length = texts[-1][0]
        batch = [texts.pop() for _ in range(min(len(texts), max(1, _BATCH_TOKENS // length)))]
        tokens = torch.full((len(batch), length), config.PAD)
        for row, (count, _, prompt, answer) in enumerate(batch):
            tokens[row, :count] = torch.tensor(prompt + answer)
        with torch.no_grad():
            likeliest = model(tokens).argmax(-1)
        for row, (count, index, prompt, answer) in enumerate(batch):
            said = likeliest[row, len(prompt) - 1 : count - 1]
            right[index] = bool((said == torch.tensor(answer)).all())
    return right


def generate(model, prompt):
    """Greedy tokens after `prompt` up to the end of the turn, and whether it ended."""
    tokens, said = torch.tensor([prompt]), []
    with torch.no_grad():
        while len(said) < _MAX_ANSWER:
            token = int(model(tokens)[0, -1].argmax())
            if token in _ENDS:
                return said, True
            said.append(token)
            tokens = torch.cat((tokens, torch.tensor([[token]])), 1)
    return said, False


def load(path):
    """The model with the file's weights, dequantised."""
    import gguf

    tensors = gguf.GGUFReader(path).tensors
    weights = {t.name: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type).copy()) for t in tensors}
    rope_freqs = weights.pop("rope_freqs.weight")
    assert torch.equal(rope_freqs, torch.tensor(config.rope_freqs(), dtype=torch.float32))
    model = Pocket()
    model.load_state_dict(weights)
    return model


def judge(model, vocabulary, records):
    """(right, turn ended, what was said) of each record; what was said is told where it is wrong."""
    right = answered_right(model, vocabulary, records)
    for record, exact in zip(records, right, strict=True):
        if exact:
            yield True, True, record["answer"]
            continue
        said, ended = generate(model, vocabulary.prompt(record["messages"]))
        text = vocabulary.decode(said)
        wanted = record.get("contains", ())
        yield bool(wanted) and ended and all(part in text for part in wanted), ended, text


def evaluate(directory, path, heldout_path):
    vocabulary, model = Vocabulary(directory), load(path)
    with open(heldout_path, encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    score = defaultdict(lambda: [0, 0])
    ended_count = 0
    for record, (right, ended, said) in zip(records, judge(model, vocabulary, records), strict=True):
        ended_count += ended
        for kind in (record["kind"], "all"):
            for language in (record["language"], "all"):
                score[kind, language][0] += right
                score[kind, language][1] += 1
        if not right:
            asked = record["messages"][-1]["content"]
            print(f"wrong: {record['kind']} {record['language']}: {asked!r} → {said!r}, not {record['answer']!r}")
    columns = [*LANGUAGES, "all"]
    print("\n| kind | " + " | ".join(columns) + " |\n|---|" + "---:|" * len(columns))
    for kind in dict.fromkeys([*(record["kind"] for record in records), "all"]):
        cells = [score[kind, language] for language in columns]
        print(f"| {kind} | " + " | ".join(f"{right}/{asked}" for right, asked in cells) + " |")
    percent = [100 * score["all", language][0] / score["all", language][1] for language in columns]
    print("| percent | " + " | ".join(f"{value:.1f}" for value in percent) + " |")
    print(f"\nturns that end by themselves: {ended_count} of {len(records)}")


if __name__ == "__main__":
    evaluate(*sys.argv[1:])
