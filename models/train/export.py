"""Writes the trained model as GGUF: matrices Q8_0, norms and rope_freqs F32.

    python export.py DIRECTORY FILE.gguf
"""

import sys
from pathlib import Path

import gguf
import numpy
import torch

import config
from phrases import DEFAULT_SYSTEM
from vocabulary import Vocabulary

_Q8_0 = gguf.GGMLQuantizationType.Q8_0
_MAX_BYTES = 4_000_000


def add_metadata(writer):
    writer.add_name("Pocket")
    writer.add_description("A tiny chat model for Spanish, Catalan, Basque, Galician and English, trained on generated texts")
    writer.add_license("apache-2.0")
    writer.add_languages(["es", "ca", "eu", "gl", "en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(config.BLOCK_COUNT)
    writer.add_context_length(config.CONTEXT_LENGTH)
    writer.add_embedding_length(config.EMBEDDING_LENGTH)
    writer.add_feed_forward_length(config.FEED_FORWARD_LENGTH)
    writer.add_head_count(config.HEAD_COUNT)
    writer.add_head_count_kv(1)
    writer.add_key_length(config.HEAD_LENGTH)
    writer.add_value_length(config.HEAD_LENGTH)
    writer.add_layer_norm_rms_eps(config.RMS_EPSILON)
    writer.add_rope_dimension_count(config.HEAD_LENGTH)
    writer.add_rope_freq_base(config.ROPE_FREQ_BASE)
    writer.add_vocab_size(config.VOCAB_LENGTH)


def token_type(pieces, token):
    if pieces.IsUnknown(token):
        return gguf.TokenType.UNKNOWN
    if pieces.IsControl(token):
        return gguf.TokenType.CONTROL
    return gguf.TokenType.BYTE if pieces.IsByte(token) else gguf.TokenType.NORMAL


def add_vocabulary(writer, pieces):
    tokens = range(config.VOCAB_LENGTH)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([pieces.IdToPiece(token) for token in tokens])
    writer.add_token_scores([pieces.GetScore(token) for token in tokens])
    writer.add_token_types([token_type(pieces, token) for token in tokens])
    writer.add_bos_token_id(config.BOS)
    writer.add_eos_token_id(config.EOS)
    writer.add_eot_token_id(config.IM_END)
    writer.add_unk_token_id(config.UNK)
    writer.add_pad_token_id(config.PAD)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    template = Path(__file__).with_name("chat_template.jinja").read_text(encoding="utf-8").rstrip("\n")
    assert DEFAULT_SYSTEM in template
    writer.add_chat_template(template)


def add_tensors(writer, weights):
    """`weights`: GGUF names to float tensors. Rows are already in GGUF's order: RoPE turns adjacent pairs in training too."""
    writer.add_tensor("rope_freqs.weight", numpy.array(config.rope_freqs(), numpy.float32))
    for name, weight in weights.items():
        values = weight.numpy().astype(numpy.float32)
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            writer.add_tensor(name, gguf.quants.quantize(values, _Q8_0), raw_dtype=_Q8_0)


def export(directory, path):
    directory = Path(directory)
    writer = gguf.GGUFWriter(path, "llama")
    add_metadata(writer)
    add_vocabulary(writer, Vocabulary(directory).pieces)
    add_tensors(writer, torch.load(directory / "pocket.pt"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    size = Path(path).stat().st_size
    if size >= _MAX_BYTES:
        raise SystemExit(f"{path}: {size} bytes, {_MAX_BYTES} at most")
    print(f"{path}: {size} bytes")


if __name__ == "__main__":
    export(*sys.argv[1:])
