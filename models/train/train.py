"""Trains the model on the rows of dataset.py, on the CPU: two processes of one thread each, half a batch each.

Two threads in one process would wait for each other at every operation, which is slow where other work wants the cores.

    python train.py DIRECTORY HELDOUT.jsonl [FIRST_COURSE]        writes DIRECTORY/pocket.pt, every now and then
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
_BATCH_TOKENS = 4096
# Each course spreads the rows of its parts over a stretch of itself, from 0 to 1: short ones first. Its rate goes up to
# `peak` and down to nearly nothing over the last `decay` of it. The first one is left after 1,500 of its 2,930 steps, when
# what is known by heart is learnt and what has to be found in the text is not yet: for that is the second one.
_COURSES = [
    dict(
        spread={
            "first": (0.0, 0.12), "128": (0.06, 0.85), "256": (0.2, 1.0), "512": (0.4, 1.0), "1024": (0.5, 1.0), "2048": (0.6, 1.0),
        },
        peak=1.0, decay=0.5, until=1500,
    ),
    dict(
        spread={"again 128": (0, 0.8), "again 256": (0, 1), "again 512": (0.1, 1), "again 1024": (0.2, 1), "again 2048": (0.3, 1)},
        peak=1.0, decay=0.7, until=None,
    ),
]  # fmt: skip
# A token that the user or the system says counts for a little.
_TEXT_WEIGHT = 0.25
_WARMUP_STEPS = 60
_MATRIX_RATE, _EMBEDDING_RATE, _OUTPUT_RATE = 0.02, 0.01, 0.003
_LOG_EVERY, _CHECK_EVERY = 25, 300
_DTYPE = torch.bfloat16


def batches(directory, spread):
    """The rows of every batch, in the order of training."""
    rng = random.Random(_SEED)
    placed = []
    for part, (start, end) in spread.items():
        rows = numpy.load(directory / f"rows-{part}.npy", mmap_mode="r")
        size = _BATCH_TOKENS // (rows.shape[1] - 1)
        for first in range(0, len(rows) - size + 1, size):
            placed.append((rng.uniform(start, end), rows[first : first + size]))
    placed.sort(key=lambda batch: batch[0])
    return [rows for _, rows in placed]


def optimizers(model):
    """Muon for the blocks' matrices, AdamW for embedding, output and norms; each with its full rate."""
    matrices = [p for p in model.blk.parameters() if p.ndim == 2]
    norms = [p for p in model.parameters() if p.ndim == 1]
    adam = [
        dict(params=[model.token_embd.weight], lr=_EMBEDDING_RATE),
        dict(params=[model.output.weight, *norms], lr=_OUTPUT_RATE),
    ]
    made = [
        torch.optim.Muon(matrices, lr=_MATRIX_RATE, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(adam, betas=(0.9, 0.95), weight_decay=0.01),
    ]
    for optimizer in made:
        for group in optimizer.param_groups:
            group["full_rate"] = group["lr"]
    return made


def rate(step, steps, peak, decay):
    return peak * min(1.0, (step + 1) / _WARMUP_STEPS, 0.01 + (1 - step / steps) / decay)


def losses(model, rows):
    """The mean loss of the answers' tokens and of all others."""
    rows = torch.from_numpy(rows.astype(numpy.int64))
    tokens, answers = rows[..., 0], rows[:, 1:, 1] == ANSWER
    logits = model(tokens[:, :-1], _DTYPE)
    loss = F.cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten(), reduction="none")
    answers = answers.flatten().float()
    mean = lambda chosen: (loss * chosen).sum() / chosen.sum().clamp(min=1)
    return mean(answers), mean(1 - answers)


def check(model, vocabulary, heldout):
    right, asked = {}, {}
    for record, correct in zip(heldout, answered_right(model, vocabulary, heldout), strict=True):
        for key in (record["language"], record["kind"]):
            asked[key] = asked.get(key, 0) + 1
            right[key] = right.get(key, 0) + correct
    return {key: round(100 * right[key] / asked[key]) for key in asked}


def average_gradients(model):
    """Over all processes."""
    gradients = [p.grad for p in model.parameters()]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= _PROCESSES
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def train(rank, directory, heldout_path, first_course):
    """`first_course`: 0 from the beginning, 1 to go on from DIRECTORY/pocket.pt with the second course."""
    os.environ |= dict(MASTER_ADDR="127.0.0.1", MASTER_PORT="29417")
    dist.init_process_group("gloo", rank=rank, world_size=_PROCESSES)
    torch.set_num_threads(1)
    torch.manual_seed(_SEED)
    directory = Path(directory)
    vocabulary = Vocabulary(directory)
    heldout = [record for record in map(json.loads, open(heldout_path, encoding="utf-8")) if "contains" not in record]
    model = Pocket()
    if first_course > 0:
        model.load_state_dict(torch.load(directory / "pocket.pt"))
    for course in _COURSES[first_course:]:
        run_course(rank, model, directory, course, lambda: check(model, vocabulary, heldout))


def run_course(rank, model, directory, course, checked):
    optimizing = optimizers(model)
    steps = batches(directory, course["spread"])
    started, seen, sums = time.time(), 0, numpy.zeros(2)
    for step, rows in enumerate(steps[: course["until"]]):
        for optimizer in optimizing:
            for group in optimizer.param_groups:
                group["lr"] = group["full_rate"] * rate(step, len(steps), course["peak"], course["decay"])
        answer_loss, text_loss = losses(model, rows[rank::_PROCESSES])
        (answer_loss + _TEXT_WEIGHT * text_loss).backward()
        average_gradients(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizing:
            optimizer.step()
            optimizer.zero_grad()
        seen += rows.shape[0] * (rows.shape[1] - 1)
        sums += (answer_loss.item(), text_loss.item())
        if rank > 0:
            continue
        if (step + 1) % _LOG_EVERY == 0:
            answer, text = sums / _LOG_EVERY
            seconds = time.time() - started
            print(
                f"step {step + 1}/{len(steps)} answers {answer:.4f} text {text:.4f} tokens {seen} seconds {seconds:.0f}"
                f" tok/s {seen / seconds:.0f}",
                flush=True,
            )
            sums[:] = 0
        if (step + 1) % _CHECK_EVERY == 0 or step + 1 == len(steps):
            print(json.dumps(checked()), flush=True)
            torch.save(model.state_dict(), directory / "pocket.pt")


if __name__ == "__main__":
    spawn(train, (*sys.argv[1:3], int(*sys.argv[3:] or [0])), _PROCESSES)
