"""The model as training sees it: `llama` with adjacent RoPE pairs, so that its matrices are GGUF's own, without permuting."""

import torch
import torch.nn.functional as F
from torch import nn

import config
from beginning import begin

# Queries that attend at once.
_QUERIES = 128


class Matrix(nn.Module):
    """weight: [rows out, columns in], as GGUF has it."""

    def __init__(self, rows, columns, scale):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(rows, columns) * scale)

    def forward(self, x):
        return F.linear(x, self.weight.to(x.dtype))


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.EMBEDDING_LENGTH))

    def forward(self, x):
        """In float32, out in x's type."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + config.RMS_EPSILON)
        return (wide * self.weight).to(x.dtype)


def rope_table(length, dtype):
    """Cosines and sines: [length, HEAD_LENGTH / 2] each."""
    frequencies = torch.tensor(config.rope_frequencies(), dtype=torch.float64)
    frequencies = frequencies / torch.tensor(config.rope_freqs(), dtype=torch.float64)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x, cosines, sines):
    """x: [batch, heads, length, HEAD_LENGTH], turned pair by adjacent pair."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosines - odd * sines, even * sines + odd * cosines), -1).flatten(-2)


def attend(q, k, v):
    """Causal attention of q [batch, heads, length, HEAD_LENGTH] to the one head of k and v [batch, length, HEAD_LENGTH].

    PyTorch's own is several times slower in its backward pass on a CPU.
    """
    batch, heads, length, _ = q.shape
    q = q * config.HEAD_LENGTH**-0.5
    mask = torch.full((_QUERIES, _QUERIES), float("-inf"), dtype=q.dtype).triu(1)
    outs = []
    for start in range(0, length, _QUERIES):
        end = min(start + _QUERIES, length)
        count = end - start
        scores = q[:, :, start:end].flatten(1, 2) @ k[:, :end].transpose(1, 2)
        scores = scores.view(batch, heads, count, end) + F.pad(mask[:count, :count], (start, 0))
        out = scores.softmax(-1).flatten(1, 2) @ v[:, :end]
        outs.append(out.view(batch, heads, count, -1))
    return torch.cat(outs, 2)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        width, head, ffn = config.EMBEDDING_LENGTH, config.HEAD_LENGTH, config.FEED_FORWARD_LENGTH
        scale = width**-0.5
        # Outputs into the residual stream start small.
        out_scale = (2 * config.BLOCK_COUNT) ** -0.5
        self.attn_norm, self.ffn_norm = Norm(), Norm()
        heads = config.HEAD_COUNT * head
        self.attn_q = Matrix(heads, width, scale)
        self.attn_k = Matrix(head, width, scale)
        self.attn_v = Matrix(head, width, scale)
        self.attn_output = Matrix(width, heads, heads**-0.5 * out_scale)
        self.ffn_gate = Matrix(ffn, width, scale)
        self.ffn_up = Matrix(ffn, width, scale)
        self.ffn_down = Matrix(width, ffn, ffn**-0.5 * out_scale)

    def forward(self, x, rope):
        x = x + self.attention(self.attn_norm(x), rope)
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))

    def attention(self, x, rope):
        batch, length, _ = x.shape
        q = self.attn_q(x).view(batch, length, config.HEAD_COUNT, config.HEAD_LENGTH).transpose(1, 2)
        k, v = (m(x).view(batch, length, 1, config.HEAD_LENGTH).transpose(1, 2) for m in (self.attn_k, self.attn_v))
        q, k = rotate(q, *rope), rotate(k, *rope)
        out = attend(q, k[:, 0], v[:, 0])
        return self.attn_output(out.transpose(1, 2).flatten(2))


class Pocket(nn.Module):
    def __init__(self):
        super().__init__()
        vocab, width = config.VOCAB_LENGTH, config.EMBEDDING_LENGTH
        self.token_embd = nn.Embedding(vocab, width)
        nn.init.normal_(self.token_embd.weight, std=0.5)
        self.blk = nn.ModuleList(Block() for _ in range(config.BLOCK_COUNT))
        self.output_norm = Norm()
        self.output = Matrix(vocab, width, width**-0.5)
        begin(self)

    def forward(self, tokens, dtype=torch.float32, chosen=None):
        """tokens: [batch, length] → logits [batch, length, vocab], computed in `dtype`.

        `chosen` [batch, length], of bool: then only the logits of these, [count, vocab].
        """
        x = self.token_embd(tokens).to(dtype)
        rope = rope_table(tokens.shape[1], dtype)
        for block in self.blk:
            x = block(x, rope)
        return self.output(self.output_norm(x if chosen is None else x[chosen]))
