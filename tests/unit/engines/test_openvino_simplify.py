"""A simplified network computes what it computed before, with fewer nodes."""

from __future__ import annotations

from typing import Any

import pytest

np = pytest.importorskip("numpy")
openvino = pytest.importorskip("openvino")

from openvino import opset13 as op  # noqa: E402

from aigc.engines import openvino_simplify  # noqa: E402

_WIDTH, _GROUP = 64, 32


def _weights(rows: int, seed: int, kind: Any, width: int = _WIDTH) -> Any:
    """Compressed weights as OpenVINO's GGUF reader writes them: (values - zero points) * scales, flattened."""
    draw = np.random.default_rng(seed)
    groups = width // _GROUP

    def packed(shape: list[int]) -> Any:
        tensor = openvino.Tensor(kind, openvino.Shape(shape))
        raw = tensor.data.reshape(-1).view(np.uint8)
        raw[:] = draw.integers(0, 256, size=raw.size)
        return op.convert(op.constant(tensor), "f16")

    scales = op.constant(draw.random((rows, groups, 1)).astype(np.float16) * np.float16(0.01))
    values = op.multiply(op.subtract(packed([rows, groups, _GROUP]), packed([rows, groups, 1])), scales)
    flat = op.reshape(values, op.constant(np.array([rows, width], dtype=np.int64)), special_zero=False)
    return op.convert(flat, "f32")


def _network(rows: tuple[int, ...], *, kind: Any, biased: bool = False, width: int = _WIDTH) -> Any:
    """One input through several weights, with something after each."""
    source = op.parameter([-1, width], np.float32, name="x")
    ends = []
    for i, count in enumerate(rows):
        end = op.matmul(source, _weights(count, i, kind, width), transpose_a=False, transpose_b=True)
        if biased:
            end = op.add(end, op.constant(np.full((1, count), i + 1, dtype=np.float32)))
        ends.append(op.result(op.tanh(op.multiply(end, op.constant(np.float32(0.5))))))
    return openvino.Model(ends, [source])


def _answers(model: Any, width: int = _WIDTH) -> list[Any]:
    exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
    compiled = openvino.Core().compile_model(model, "CPU", exact)
    source = np.random.default_rng(7).standard_normal((3, width)).astype(np.float32)
    return [value.copy() for value in compiled(source).values()]


def _count(model: Any, kind: str) -> int:
    return sum(node.get_type_name() == kind for node in model.get_ops())


@pytest.mark.parametrize("kind", ["u4", "u8"])
@pytest.mark.parametrize("biased", [False, True])
def test_multiplications_of_one_input_become_one_and_answer_the_same(kind: str, biased: bool) -> None:
    model = _network((64, 32, 32), kind=getattr(openvino.Type, kind), biased=biased)
    before = _answers(model)
    openvino_simplify.simplify(model)
    assert _count(model, "MatMul") == 1
    assert _count(model, "Add") == (1 if biased else 0)
    for old, new in zip(before, _answers(model), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-6)


def test_constants_that_end_within_a_byte_are_left_alone() -> None:
    model = _network((3, 3), kind=openvino.Type.u4, width=_GROUP)  # 3 zero points of 4 bits
    before = _answers(model, width=_GROUP)
    openvino_simplify.simplify(model)
    assert _count(model, "MatMul") == 2
    for old, new in zip(before, _answers(model, width=_GROUP), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-6)


def test_weights_of_different_kinds_stay_apart() -> None:
    source = op.parameter([-1, _WIDTH], np.float32, name="x")
    ends = [
        op.result(op.matmul(source, _weights(32, i, kind), transpose_a=False, transpose_b=True))
        for i, kind in enumerate((openvino.Type.u4, openvino.Type.u8))
    ]
    model = openvino.Model(ends, [source])
    before = _answers(model)
    openvino_simplify.simplify(model)
    assert _count(model, "MatMul") == 2
    for old, new in zip(before, _answers(model), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-6)


def test_what_is_computed_twice_is_computed_once_and_different_constants_stay_apart() -> None:
    source = op.parameter([-1, 4], np.float32, name="x")
    ends = [
        op.result(op.add(op.multiply(source, op.constant(np.float32(factor))), op.constant(np.float32(1))))
        for factor in (2.0, 2.0, 3.0)
    ]
    model = openvino.Model(ends, [source])
    openvino_simplify.simplify(model)
    assert _count(model, "Multiply") == 2
    assert _count(model, "Add") == 2
    assert _count(model, "Constant") == 3
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = [value.tolist() for value in compiled(np.array([[1, 2, 3, 4]], dtype=np.float32)).values()]
    assert found == [[[3, 5, 7, 9]], [[3, 5, 7, 9]], [[4, 7, 10, 13]]]
