"""Networks as ONNX, which OpenVINO reads without torch, and the proof that both compute the same.

Knows: modules, graphs, bytes. Does not know: which network it is, model folders.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from aigc.errors import EngineError, EngineMissing

OPSET = 17
Capabilities = tuple[Literal["image", "image_edit", "panorama", "restoration"], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """What serving a run needs."""

    engine: Literal["image", "gan", "restore"]
    capabilities: Capabilities
    languages: tuple[str, ...] = ()
    files: dict[str, bytes]
    """Networks and weights, by name."""
    settings: dict[str, Any]
    """What the engine has to know about the networks."""
    training: dict[str, Any]
    """For each recipe that can begin from these weights, what `aigc.recipes.beginning.past` says."""
    memory_bytes: int
    """Of the engine in use."""
    step: int
    samples: int
    seconds: float
    """Of computing, all sessions together."""


_HALF_FROM = 256
"""Tensors of so many numbers travel as 16-bit floats."""


class _Calls(nn.Module):
    """One method of a module, as a module: an exporter traces ``forward``."""

    def __init__(self, module: nn.Module, method: Callable[..., Any]) -> None:
        super().__init__()
        self.module = module
        self._method = method

    def forward(self, *inputs: Tensor) -> Any:
        return self._method(*inputs)


def to_onnx(
    module: nn.Module,
    method: Callable[..., Any],
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    *,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    half: bool = True,
) -> bytes:
    """The graph of one method for the examples given.

    Args:
        module: whose weights go along; on the CPU, in float32.
        method: bound, of that module: what the graph computes. It must not branch on values or on dynamic sizes.
        inputs: an example for each input, in the method's order.
        outputs: names of what it gives.
        dynamic: input or output to axis to a name, for the axes whose size is free.
        half: weights take 16 bits each; the graph widens them again before it computes.

    Raises:
        EngineMissing: the package ``onnx`` isn't installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise EngineMissing("exporting needs onnx", hint="pip install 'aigc-studio[train]'") from error
    content = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter that follows what is computed is the older one, and says so. The newer one needs onnxscript.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        # torch's own norms check the sizes that they see; that nothing else hangs on these is proven by `difference`.
        warnings.filterwarnings("ignore", category=TracerWarning)
        torch.onnx.export(
            _Calls(module.eval(), method),
            tuple(inputs.values()),
            content,  # type: ignore[arg-type]  # the older exporter writes to buffers too
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(axes) for name, axes in (dynamic or {}).items()},
            opset_version=OPSET,
            dynamo=False,
        )
    graph = onnx.load_model_from_string(content.getvalue())
    if half:
        _halve(graph.graph, onnx)
    onnx.checker.check_model(graph)
    return bytes(graph.SerializeToString(deterministic=True))


def _halve(graph: Any, onnx: Any) -> None:
    """Large constants become 16-bit floats with a cast behind each."""
    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _HALF_FROM:
            continue
        narrow = tensor.name + "/half"
        casts.append(onnx.helper.make_node("Cast", [narrow], [tensor.name], to=onnx.TensorProto.FLOAT))
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), narrow))
    for cast in reversed(casts):
        graph.node.insert(0, cast)


def rounded(module: nn.Module) -> None:
    """Give the module the weights that its graph has after 16 bits, so that both can be compared, and published."""
    with torch.no_grad():
        for p in module.parameters():
            if p.numel() >= _HALF_FROM:
                p.copy_(p.half().float())


def difference(
    graph: bytes, method: Callable[..., Any], inputs: Mapping[str, Tensor], precision: str = "f32"
) -> list[float]:
    """The largest difference between a graph in OpenVINO on the CPU and torch, for each output.

    Args:
        graph: what `to_onnx` gave.
        method: what it was made of.
        inputs: by name, of any size that the graph's dynamic axes allow.
        precision: in which OpenVINO computes: ``f32`` or ``bf16``.

    Raises:
        EngineError: the number of outputs differs.
    """
    # As in `aigc.engines`, of which this tower knows nothing: OpenVINO reports nothing to its makers.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    compiled = openvino.Core().compile_model(
        openvino.Core().read_model(graph), "CPU", {"INFERENCE_PRECISION_HINT": precision}
    )
    found = compiled({name: x.numpy() for name, x in inputs.items()})
    with torch.no_grad():
        made = method(*inputs.values())
    expected = [made] if isinstance(made, Tensor) else list(made)
    if len(expected) != len(found):
        raise EngineError(f"the graph has {len(found)} outputs, torch {len(expected)}")
    return [float(np.abs(found[i].astype(np.float32) - x.float().numpy()).max()) for i, x in enumerate(expected)]
