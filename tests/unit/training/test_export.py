"""ONNX in OpenVINO against torch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("openvino")

from aigc.models.restorer import GLANCE, TASKS, Restorer, RestorerConfig  # noqa: E402
from aigc.recipes.image.export import difference, rounded, to_onnx  # noqa: E402

_FREE = {"picture": {2: "height", 3: "width"}, "change": {2: "height", 3: "width"}}


def _restorer(patch: int) -> Restorer:
    torch.manual_seed(patch)
    model = Restorer(RestorerConfig(width=8, patch=patch, encoder=(1, 1), middle=1, decoder=(1, 1)))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))  # it begins as the identity: that would prove nothing
    return model.eval()


def _inputs(height: int, width: int) -> dict[str, torch.Tensor]:
    task = torch.zeros(1, len(TASKS))
    task[0, 2] = 1
    return {
        "picture": torch.rand(1, 4, height, width),
        "task": task,
        "glance": torch.rand(1, 3, GLANCE, GLANCE),
    }


@pytest.mark.parametrize("patch", [1, 2])
def test_an_exported_restorer_computes_what_torch_computes_at_any_size(patch: int) -> None:
    model = _restorer(patch)
    rounded(model)
    graph = to_onnx(model, model.change, _inputs(32, 32), ["change"], dynamic=_FREE)
    for size in ((32, 32), (48, 80)):
        assert difference(graph, model.change, _inputs(*size)) == [pytest.approx(0, abs=2e-5)]


def test_sixteen_bits_halve_the_file_and_change_little() -> None:
    model = _restorer(1)
    wide, narrow = (
        to_onnx(model, model.change, _inputs(32, 32), ["change"], dynamic=_FREE, half=half) for half in (False, True)
    )
    saved = sum(2 * p.numel() for p in model.parameters() if p.numel() >= 256)
    assert len(wide) - len(narrow) > 0.8 * saved
    assert difference(wide, model.change, _inputs(32, 32)) == [pytest.approx(0, abs=2e-5)]
    assert difference(narrow, model.change, _inputs(32, 32)) == [pytest.approx(0, abs=2e-2)]


def test_the_same_weights_give_the_same_bytes() -> None:
    model = _restorer(2)
    graphs = {to_onnx(model, model.change, _inputs(32, 32), ["change"], dynamic=_FREE) for _ in range(2)}
    assert len(graphs) == 1


def test_the_same_tensor_used_twice_is_narrowed_once() -> None:
    layer = torch.nn.Linear(32, 32, bias=False)
    twice = torch.nn.Sequential(layer, layer)
    rounded(twice)
    x = {"x": torch.randn(2, 32)}
    graph = to_onnx(twice, twice.forward, x, ["y"])
    assert difference(graph, twice.forward, x) == [pytest.approx(0, abs=2e-5)]
