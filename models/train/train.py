"""Trains the model on the rows of dataset.py, on the CPU: two processes of one thread each, half a batch each.

Two threads in one process would wait for each other at every operation, which is slow where other work wants the cores.

    python train.py DIRECTORY HELDOUT.jsonl        writes DIRECTORY/pocket.pt; goes on where it was stopped
"""

import json
import os
import random
import sys
import time
from pathlib import Path

import numpy
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.multiprocessing import spawn

import config
from dataset import ANSWER
from evaluate import answered_right
from model import Pocket
from vocabulary import Vocabulary

_SEED = 20260104
_PROCESSES = 2
_BATCH_TOKENS = 2048
# Five courses. The rows of each part are spread over a stretch of all of a course's batches, from 0 to 1, short ones first;
# so many of these batches are taken.
_COURSES = [
    ({"first": (0, 0.07), "128": (0.02, 1), "256": (0.06, 1), "512": (0.12, 1), "1024": (0.15, 1), "2048": (0.2, 1)}, 2_500),
    ({"later 128": (0, 1), "later 256": (0, 1), "later 512": (0, 1), "later 1024": (0, 1), "later 2048": (0, 1)}, 1_500),
    ({"last 128": (0, 1), "last 256": (0, 1), "last 512": (0, 1), "last 1024": (0, 1)}, 800),
    ({"end 128": (0, 1), "end 256": (0, 1), "end 512": (0, 1), "end 1024": (0, 1)}, 600),
    ({"talk 128": (0, 1), "talk 256": (0, 1), "talk 512": (0, 1), "talk 1024": (0, 1)}, 600),
]
# Steps, and the part of the full rate at each, with straight lines between: down to nothing, and once more for each of the last three courses.
_RATES = (-1, 0), (59, 1), (2_000, 1), (4_000, 0), (4_000, 0.4), (4_800, 0), (4_800, 0.4), (5_400, 0), (5_400, 0.4), (6_000, 0)
# After these steps, where the rate is nothing, the weights are kept; the model is their mean, which does better than each.
_KEPT_STEPS = 4_800, 5_400, 6_000
# What the user or the system says counts for less, and only one token in so many of it.
_TEXT_WEIGHT, _TEXT_STRIDE = 0.25, 3
_MATRIX_RATE, _EMBEDDING_RATE, _OUTPUT_RATE = 0.02, 0.01, 0.003
_LOG_EVERY, _CHECK_EVERY, _SAVE_EVERY = 50, 300, 100
_DTYPE = torch.bfloat16


def batches(directory):
    """The rows of every batch, in the order of training."""
    rng = random.Random(_SEED)
    taken = []
    for spread, steps in _COURSES:
        placed = []
        for part, (start, end) in spread.items():
            rows = numpy.load(directory / f"rows-{part}.npy", mmap_mode="r")
            size = max(_PROCESSES, _BATCH_TOKENS // (rows.shape[1] - 1))
            for first in range(0, len(rows) - size + 1, size):
                placed.append((rng.uniform(start, end), rows[first : first + size]))
        placed.sort(key=lambda batch: batch[0])
        taken += [rows for _, rows in placed][:steps]
    return taken


class Optimizers:
    """Muon for the blocks' matrices, each of which is one process's to change; AdamW for embedding, output and norms."""

    def __init__(self, model, rank):
        self.matrices = [p for p in model.blk.parameters() if p.ndim == 2]
        norms = [p for p in model.parameters() if p.ndim == 1]
        adam = [
            dict(params=[model.token_embd.weight], lr=_EMBEDDING_RATE),
            dict(params=[model.output.weight, *norms], lr=_OUTPUT_RATE),
        ]
        self.all = [
            torch.optim.Muon(self.matrices[rank::_PROCESSES], lr=_MATRIX_RATE, momentum=0.95, weight_decay=0.01),
            torch.optim.AdamW(adam, betas=(0.9, 0.95), weight_decay=0.01),
        ]
        self.groups = [group for optimizer in self.all for group in optimizer.param_groups]
        self.full_rates = [group["lr"] for group in self.groups]

    def step(self, rate):
        for group, full_rate in zip(self.groups, self.full_rates, strict=True):
            group["lr"] = rate * full_rate
        for optimizer in self.all:
            optimizer.step()
        for owner in range(_PROCESSES):
            matrices = self.matrices[owner::_PROCESSES]
            flat = torch.cat([matrix.detach().flatten() for matrix in matrices])
            dist.broadcast(flat, owner)
            write_flat([matrix.detach() for matrix in matrices], flat)


def rate(step):
    return float(numpy.interp(step, *zip(*_RATES, strict=True)))


def losses(model, rows, step):
    """The mean loss of the answers' tokens and, of one in _TEXT_STRIDE, of all others."""
    rows = torch.from_numpy(rows.astype(numpy.int64))
    tokens, answers = rows[..., 0], rows[:, 1:, 1] == ANSWER
    chosen = answers | (torch.arange(answers.shape[1]) % _TEXT_STRIDE == step % _TEXT_STRIDE)
    loss = F.cross_entropy(model(tokens[:, :-1], _DTYPE, chosen).float(), tokens[:, 1:][chosen], reduction="none")
    answers = answers[chosen].float()
    mean = lambda wanted: (loss * wanted).sum() / wanted.sum().clamp(min=1)
    return mean(answers), mean(1 - answers)


def check(model, vocabulary, heldout):
    right, asked = {}, {}
    for record, correct in zip(heldout, answered_right(model, vocabulary, heldout), strict=True):
        for key in (record["language"], record["kind"]):
            asked[key] = asked.get(key, 0) + 1
            right[key] = right.get(key, 0) + correct
    return {key: round(100 * right[key] / asked[key]) for key in asked}


def write_flat(tensors, flat):
    for tensor, values in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(values.view_as(tensor))


def average_gradients(model):
    """Over all processes."""
    gradients = [p.grad for p in model.parameters()]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    write_flat(gradients, flat / _PROCESSES)


class Checkpoint:
    """What one process needs to go on: DIRECTORY/RANK.ckpt, replaced every now and then."""

    def __init__(self, directory, rank, model, optimizers):
        self.path, self.model, self.optimizers = directory / f"{rank}.ckpt", model, optimizers

    def load(self):
        """The steps, tokens and seconds so far."""
        if not self.path.exists():
            return 0, 0, 0.0
        state = torch.load(self.path)
        self.model.load_state_dict(state["model"])
        for optimizer, values in zip(self.optimizers.all, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        return state["done"]

    def save(self, *done):
        states = [optimizer.state_dict() for optimizer in self.optimizers.all]
        saved = self.path.with_suffix(".new")
        torch.save(dict(model=self.model.state_dict(), optimizers=states, done=done), saved)
        dist.barrier()
        saved.replace(self.path)


def train(rank, directory, heldout_path):
    os.environ |= dict(MASTER_ADDR="127.0.0.1", MASTER_PORT="29417")
    dist.init_process_group("gloo", rank=rank, world_size=_PROCESSES)
    torch.set_num_threads(1)
    torch.manual_seed(_SEED)
    directory = Path(directory)
    vocabulary = Vocabulary(directory)
    heldout = [record for record in map(json.loads, open(heldout_path, encoding="utf-8")) if "contains" not in record]
    model = Pocket()
    optimizers = Optimizers(model, rank)
    checkpoint = Checkpoint(directory, rank, model, optimizers)
    first, seen, seconds = checkpoint.load()
    steps = batches(directory)
    started, sums = time.time() - seconds, numpy.zeros(2)
    for step, rows in enumerate(steps[first:], first):
        answer_loss, text_loss = losses(model, rows[rank::_PROCESSES], step)
        model.zero_grad()
        (answer_loss + _TEXT_WEIGHT * text_loss).backward()
        average_gradients(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers.step(rate(step))
        seen += rows.shape[0] * (rows.shape[1] - 1)
        sums += (answer_loss.item(), text_loss.item())
        seconds = time.time() - started
        if (step + 1) % _SAVE_EVERY == 0:
            checkpoint.save(step + 1, seen, seconds)
        if rank > 0:
            continue
        if step + 1 in _KEPT_STEPS:
            torch.save(model.state_dict(), directory / f"{step + 1}.pt")
        if (step + 1) % _LOG_EVERY == 0 or step + 1 == len(steps):
            answer, text = sums / (step % _LOG_EVERY + 1)
            print(
                f"step {step + 1}/{len(steps)} answers {answer:.4f} text {text:.4f} tokens {seen} seconds {seconds:.0f}"
                f" tok/s {seen / seconds:.0f}",
                flush=True,
            )
            sums[:] = 0
        if (step + 1) % _CHECK_EVERY == 0 or step + 1 == len(steps):
            print(json.dumps(check(model, vocabulary, heldout)), flush=True)
    if rank == 0:
        kept = [torch.load(directory / f"{step}.pt") for step in _KEPT_STEPS]
        model.load_state_dict({name: sum(weights[name] for weights in kept) / len(kept) for name in kept[0]})
        print("the mean", json.dumps(check(model, vocabulary, heldout)), flush=True)
        torch.save(model.state_dict(), directory / "pocket.pt")


if __name__ == "__main__":
    spawn(train, sys.argv[1:3], _PROCESSES)
