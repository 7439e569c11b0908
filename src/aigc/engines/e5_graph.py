"""The encoder of multilingual-e5 as an OpenVINO graph: token ids in, unit vectors out.

A BERT encoder with learned positions: embeddings, layer norm; in every layer attention and a feed-forward block with
exact GELU, each followed by a residual and a layer norm. Then the mean over the tokens that are there, and L2
normalisation. The 4-bit weights stay as they are in the file, bit for bit (integers of 4 bits and float16 scales by
groups of 32): OpenVINO gathers and multiplies them compressed.

Source: Devlin et al. 2018, arXiv:1810.04805; Wang et al. 2024, arXiv:2402.05672, section 3 (pooling).
Knows: tensors and operations. Does not know: files, text, batches.
Shapes: B batch, T tokens, D width, H heads, V vocabulary, R rows, C columns, G groups.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import Type
from openvino import opset15 as op

from aigc.engines.e5_file import GROUP, E5File, Quantised

IDS, MASK, VECTOR = "input_ids", "attention_mask", "embedding"
_MASKED = np.float32(-1e9)
"""Added to the scores of padding: its weight is 0 after the softmax in every precision."""

Node = Any
"""OpenVINO's nodes carry no types."""


def encoder(file: E5File) -> Any:
    """``openvino.Model``: (B, T) int32 ids and mask (1: token, 0: padding) to (B, D) float32 unit vectors."""
    ids, mask = (_input(name) for name in (IDS, MASK))
    present = op.convert(mask, Type.f32)  # (B, T)
    bias = op.multiply(op.subtract(_scalar(1.0), op.unsqueeze(present, _ints(1, 2))), op.constant(_MASKED))
    layers = _Layers(file)
    hidden = layers.embed(ids)
    for index in range(file.sizes.layers):
        hidden = layers.layer(f"l{index}.", hidden, bias)
    weight = op.unsqueeze(present, _ints(2))  # (B, T, 1)
    mean = op.divide(op.reduce_sum(op.multiply(hidden, weight), _ints(1)), op.reduce_sum(weight, _ints(1)))
    vector = op.normalize_l2(mean, _ints(1), 1e-12, "max")
    vector.output(0).set_names({VECTOR})
    return openvino.Model([op.result(vector)], [ids, mask], "e5")


class _Layers:
    """The operations, with the weights of one file."""

    def __init__(self, file: E5File) -> None:
        self._sizes, self._tensors = file.sizes, file.tensors

    def embed(self, ids: Node) -> Node:
        """(B, T) to (B, T, D). Every token has type 0, so that row is added to the positions once and for all."""
        width = self._sizes.width
        words = op.gather(self._matrix("emb.word"), ids, op.constant(np.int32(0)))
        rows = self._plain("emb.pos").reshape(1, -1, width) + self._plain("emb.type")[:width]
        length = op.gather(op.shape_of(ids), _ints(1), op.constant(np.int32(0)))
        positions = op.slice(op.constant(rows), _ints(0), length, _ints(1), _ints(1))
        return self._norm("emb.ln", op.add(words, positions))

    def layer(self, name: str, hidden: Node, bias: Node) -> Node:
        """(B, T, D) to (B, T, D); ``bias`` is (B, 1, 1, T)."""
        query, key, value = (self._heads(self._linear(name + part, hidden)) for part in "qkv")
        mixed = op.scaled_dot_product_attention(query, key, value, bias)  # (B, H, T, D / H)
        mixed = op.reshape(op.transpose(mixed, _ints(0, 2, 1, 3)), _ints(0, 0, self._sizes.width), True)
        hidden = self._norm(name + "aln", op.add(hidden, self._linear(name + "ao", mixed)))
        inner = op.gelu(self._linear(name + "fi", hidden), "erf")
        return self._norm(name + "oln", op.add(hidden, self._linear(name + "fo", inner)))

    def _heads(self, x: Node) -> Node:
        heads = self._sizes.heads
        split = op.reshape(x, _ints(0, 0, heads, self._sizes.width // heads), True)
        return op.transpose(split, _ints(0, 2, 1, 3))

    def _linear(self, name: str, x: Node) -> Node:
        product = op.matmul(x, self._matrix(name + ".w"), False, True)
        return op.add(product, op.constant(self._plain(name + ".b")))

    def _norm(self, name: str, x: Node) -> Node:
        normed = op.mvn(x, _ints(-1), True, self._sizes.epsilon, "INSIDE_SQRT")
        scaled = op.multiply(normed, op.constant(self._plain(name + ".w")))
        return op.add(scaled, op.constant(self._plain(name + ".b")))

    def _plain(self, name: str) -> NDArray[np.float32]:
        tensor = self._tensors[name]
        assert isinstance(tensor, np.ndarray)
        return np.ascontiguousarray(tensor)

    def _matrix(self, name: str) -> Node:
        """(R, C), as a subgraph that OpenVINO recognises as compressed weights."""
        tensor = self._tensors[name]
        assert isinstance(tensor, Quantised)
        rows, groups, _ = tensor.packed.shape
        # OpenVINO packs neighbours into one byte, the first one low, as signed numbers: code - 8 is code ^ 8.
        codes = np.concatenate([tensor.packed & 15, tensor.packed >> 4], axis=2) ^ 8  # (R, G, 32)
        weights = openvino.Tensor(Type.i4, [rows, groups, GROUP])
        weights.data.reshape(-1).view(np.uint8)[:] = (codes[..., 0::2] | codes[..., 1::2] << 4).reshape(-1)
        scales = op.constant(np.ascontiguousarray(tensor.scales, dtype=np.float16))
        scaled = op.multiply(op.convert(op.constant(weights), Type.f16), scales)
        return op.convert(op.reshape(scaled, _ints(rows, groups * GROUP), False), Type.f32)


def _input(name: str) -> Node:
    node = op.parameter([-1, -1], Type.i32, name=name)
    node.output(0).set_names({name})
    return node


def _ints(*values: int) -> Node:
    return op.constant(np.array(values, np.int64))


def _scalar(value: float) -> Node:
    return op.constant(np.float32(value))
