"""The model's shape and its special tokens. ALIA's form: 8 query heads to 1 KV head, an FFN three times the width."""

import math

BLOCK_COUNT = 5
EMBEDDING_LENGTH = 192
HEAD_COUNT = 8
# Longer than a width's eighth: the one KV head has to serve words that are near by their place and words that are far by
# what they are.
HEAD_LENGTH = 64
FEED_FORWARD_LENGTH = 3 * EMBEDDING_LENGTH
VOCAB_LENGTH = 2400
CONTEXT_LENGTH = 2048
RMS_EPSILON = 1e-5
ROPE_FREQ_BASE = 10_000.0

UNK, BOS, EOS, PAD, IM_START, IM_END = range(6)
CONTROL_TOKENS = ("<unk>", "<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>")

# llama3 scaling as if stretched from a quarter of the context. It is trained with, not applied afterwards: the slower half
# of the pairs then hardly turns over the whole context, so that it tells words apart however far they are.
_ROPE_FACTOR, _ORIGINAL_CONTEXT_LENGTH, _LOW_FREQ_FACTOR, _HIGH_FREQ_FACTOR = 40.0, CONTEXT_LENGTH // 4, 1.0, 4.0


def rope_frequencies():
    """Radians per position of each pair, before rope_freqs: HEAD_LENGTH / 2 values."""
    return [ROPE_FREQ_BASE ** (-2 * i / HEAD_LENGTH) for i in range(HEAD_LENGTH // 2)]


def rope_freqs():
    """rope_freqs.weight: what each frequency is divided by."""
    factors = []
    for frequency in rope_frequencies():
        turns = _ORIGINAL_CONTEXT_LENGTH * frequency / (2 * math.pi)
        smooth = (turns - _LOW_FREQ_FACTOR) / (_HIGH_FREQ_FACTOR - _LOW_FREQ_FACTOR)
        smooth = min(1.0, max(0.0, smooth))
        factors.append(1 / (smooth + (1 - smooth) / _ROPE_FACTOR))
    return factors
