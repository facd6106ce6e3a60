"""How the weights begin: with the circuit that copies what followed the same words before, which is slow to be found.

Block 0 looks back: its head h attends to the token h places before and writes a short code of it into columns of its own.
Blocks 1 and 2 match: their heads attend where the codes of the tokens before are those of the tokens here, one place on.
All later blocks copy: what a head attends to counts towards the same token's logit. Everything else begins at random, and
training is free to undo all of it.
"""

import torch

import config

_WIDTH, _HEADS, _HEAD = config.EMBEDDING_LENGTH, config.HEAD_COUNT, config.HEAD_LENGTH
# Columns of the residual stream: 0 is the same for all tokens, then what the token is, then codes of the _OFFSETS before.
_OFFSETS, _CODE = 4, 24
_OWN = slice(1, _WIDTH - _OFFSETS * _CODE)
# Rows of a head: pairs that turn fast tell near places apart; those that hardly turn match at any distance.
_FAST, _SLOW = 24, slice(_HEAD // 2, _HEAD)
_LOOK_BACK, _MATCH, _COPY, _OUTPUT = 1.9, 1.4, 0.4, 0.15


def _code(offset):
    start = _WIDTH - (_OFFSETS - offset + 1) * _CODE
    return slice(start, start + _CODE)


def _orthonormal(rows, columns):
    return torch.linalg.qr(torch.randn(rows, columns))[0]


@torch.no_grad()
def begin(model):
    embedding, own_count = model.token_embd.weight, _OWN.stop - _OWN.start
    embedding[:, 0] = 1.5
    embedding[:, _OWN].normal_(std=0.7)
    embedding[:, _OWN.stop :] = 0
    into_output = _orthonormal(_WIDTH, own_count)
    model.output.weight.copy_(_OUTPUT * embedding[:, _OWN] @ into_output.T)
    code = torch.randn(_CODE, own_count) * own_count**-0.5
    _look_back(model.blk[0], code)
    for first, block in ((0, model.blk[1]), (2, model.blk[2])):
        _match(block, first, code)
    for block in model.blk[1:]:
        value = block.attn_v.weight
        value[:, _OWN].normal_(std=own_count**-0.5)
        value[:, _OWN.stop :] *= 0.3
        block.attn_output.weight.copy_((_COPY * into_output @ value[:, _OWN].T).repeat(1, _HEADS))


def _heads(matrix):
    return matrix.weight.view(_HEADS, _HEAD, _WIDTH)


def _look_back(block, code):
    key, query = block.attn_k.weight, _heads(block.attn_q)
    key[:_FAST] *= 0.1
    key[:_FAST:2, 0] = _LOOK_BACK
    query *= 0.3
    for head in range(_HEADS):
        angles = head * torch.tensor(config.rope_frequencies()[: _FAST // 2])
        query[head, :_FAST:2, 0] = _LOOK_BACK * angles.cos()
        query[head, 1:_FAST:2, 0] = -_LOOK_BACK * angles.sin()
    block.attn_v.weight[:_CODE] = 0
    block.attn_v.weight[:_CODE, _OWN] = code
    block.attn_output.weight *= 0.3
    for offset in range(1, _OFFSETS + 1):
        start = offset * _HEAD
        block.attn_output.weight[:, start : start + _CODE] = 0
        block.attn_output.weight[_code(offset), start : start + _CODE] = 0.6 * torch.eye(_CODE)


def _match(block, first, code):
    """Even heads: the token `first` places before is the one `first + 1` before there; odd heads: one further back."""
    key, query = block.attn_k.weight, _heads(block.attn_q)
    key[_SLOW] *= 0.1
    query *= 0.3
    for odd in (0, 1):
        offset = first + odd
        spread = _MATCH * _orthonormal(_HEAD // 2, _CODE)
        key[_SLOW, _code(offset + 1)] = spread
        if offset == 0:
            query[odd::2, _SLOW, _OWN] = spread @ code
        else:
            query[odd::2, _SLOW, _code(offset)] = spread
