"""Makes a converted network smaller, so that it opens in half the time and answers a lone reader faster.

OpenVINO's GGUF reader writes each layer out in full: 6,000 nodes for 30 layers, a third of them copies of the same tiny
constants, and seven matrix multiplications a layer. Opening costs by the node, and a small multiplication costs more
for waking the threads than for computing. So here nodes that compute the same become one, and multiplications of one
input by several weights (queries, keys and values; gate and up) become one whose result is split.

Figures: docs/lab/LOG.md. Knows: OpenVINO's graphs, the pattern of compressed weights. Does not know: GGUF, folders.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

_SMALL_BYTES = 64
"""Constants up to this size are compared; larger ones are weights."""
_KEPT = frozenset({"Parameter", "Result", "ReadValue", "Assign", "Constant", "ScaledDotProductAttention"})
"""Types that stay as many as they are: they hold state, or what is later looked for by its place."""


def simplify(model: Any) -> None:
    """Rewrite a network in place; what it computes stays the same but for rounding.

    Args:
        model: an ``openvino.Model`` as read from a file.
    """
    _merge_multiplications(model)
    _share(model)
    model.validate_nodes_and_infer_types()


# ---------------------------------------------------------------- one node for what is computed twice


def _share(model: Any) -> None:
    """Common subexpressions, in one pass: inputs come before what reads them."""
    seen: dict[tuple[Any, ...], Any] = {}
    for node in model.get_ordered_ops():
        key = _constant_key(node) if node.get_type_name() == "Constant" else _node_key(node)
        if key is None:
            continue
        first = seen.setdefault(key, node)
        if first is not node:
            for ours, theirs in zip(node.outputs(), first.outputs(), strict=True):
                _replace(ours, theirs)


def _constant_key(node: Any) -> tuple[Any, ...] | None:
    if node.get_byte_size() > _SMALL_BYTES:
        return None
    return ("Constant", str(node.get_element_type()), tuple(node.get_output_shape(0)), node.data.tobytes())


def _node_key(node: Any) -> tuple[Any, ...] | None:
    if node.get_type_name() in _KEPT:
        return None
    inputs = tuple((value.get_node().get_name(), value.get_index()) for value in node.input_values())
    return (node.get_type_name(), str(node.get_attributes()), inputs)


def _replace(output: Any, by: Any) -> None:
    for reader in output.get_target_inputs():
        reader.replace_source_output(by)


# ---------------------------------------------------------------- one multiplication instead of several


def _merge_multiplications(model: Any) -> None:
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() == "MatMul" and (key := _merge_key(node)) is not None:
            groups.setdefault(key, []).append(node)
    for nodes in groups.values():
        if len(nodes) > 1:
            _merge(nodes)


def _merge_key(node: Any) -> tuple[Any, ...] | None:
    """Multiplications with the same key can be one; None: this one can't be merged."""
    parts = _weights(node)
    if parts is None or not node.get_attributes()["transpose_b"] or node.get_attributes()["transpose_a"]:
        return None
    values, zeros, _ = parts
    if any(_size(part) * part.get_element_type().bitwidth % 8 for part in parts):
        return None  # half a byte at the end: the next one's would have to be shifted
    source = node.input_value(0)
    kinds = tuple(str(part.get_element_type()) for part in parts)
    # Constants of the inner dimensions: length of a row in groups, and the group.
    inner = (tuple(values.get_output_shape(0))[1:], tuple(zeros.get_output_shape(0))[1:])
    return (source.get_node().get_name(), source.get_index(), kinds, inner, _bias(node) is not None)


def _weights(node: Any) -> tuple[Any, Any, Any] | None:
    """The constants (values, zero points, scales) of ``(values - zero points) * scales``; None for other weights."""
    steps = ("Convert", "Reshape", "Multiply", "Subtract")
    found: Any = node.input_value(1).get_node()
    scales: Any = None
    for step in steps:
        if found.get_type_name() != step:
            return None
        if step == "Multiply":
            scales = found.input_value(1).get_node()
        if step != "Subtract":
            found = found.input_value(0).get_node()
    values, zeros = (found.input_value(i).get_node() for i in range(2))
    if values.get_type_name() != "Convert" or zeros.get_type_name() != "Convert":
        return None
    parts = (values.input_value(0).get_node(), zeros.input_value(0).get_node(), scales)
    return parts if all(part.get_type_name() == "Constant" for part in parts) else None


def _bias(node: Any) -> Any | None:
    """The Add of a constant row that is all that reads this result; None if something else does."""
    readers = list(node.output(0).get_target_inputs())
    if len(readers) != 1 or readers[0].get_node().get_type_name() != "Add":
        return None
    add = readers[0].get_node()
    row = add.input_value(1).get_node()
    length = node.get_output_partial_shape(0)[-1]
    fits = row.get_type_name() == "Constant" and length.is_static and _size(row) == length.get_length()
    return add if fits else None


def _merge(nodes: Sequence[Any]) -> None:
    import numpy as np
    from openvino import opset13 as op

    parts = [_weights(node) for node in nodes]
    values, zeros, scales = (_stack([part[i] for part in parts if part is not None]) for i in range(3))
    rows, groups, group = values.get_output_shape(0)
    weights = op.multiply(op.subtract(op.convert(values, "f16"), op.convert(zeros, "f16")), scales)
    flat = op.reshape(weights, op.constant(np.array([rows, groups * group], dtype=np.int64)), special_zero=False)
    whole = op.matmul(nodes[0].input_value(0), op.convert(flat, "f32"), transpose_a=False, transpose_b=True)
    ends = [bias for node in nodes if (bias := _bias(node)) is not None]  # of all or of none: the key says so
    if ends:
        row = np.concatenate([end.input_value(1).get_node().data.reshape(-1) for end in ends])
        whole = op.add(whole, op.constant(row))
    lengths = [part[0].get_output_shape(0)[0] for part in parts if part is not None]
    split = op.variadic_split(whole, op.constant(np.int64(-1)), op.constant(np.array(lengths, dtype=np.int64)))
    for i, end in enumerate(ends or nodes):
        _replace(end.output(0), split.output(i))


def _stack(constants: Sequence[Any]) -> Any:
    """The constants below each other. Packed types go byte by byte: each ends with a whole byte."""
    import numpy as np
    import openvino
    from openvino import opset13 as op

    kind = constants[0].get_element_type()
    shape = [sum(c.get_output_shape(0)[0] for c in constants), *list(constants[0].get_output_shape(0))[1:]]
    data = np.concatenate([c.data.reshape(-1).view(np.uint8) for c in constants])
    stacked = openvino.Tensor(kind, openvino.Shape(shape))
    stacked.data.reshape(-1).view(np.uint8)[:] = data
    return op.constant(stacked)


def _size(constant: Any) -> int:
    return math.prod(constant.get_output_shape(0))
