from __future__ import annotations

import sys
from pathlib import Path

import pytest
from gguf_toys import write

from aigc.engines import registry
from aigc.engines.base import LoadOptions
from aigc.engines.openvino import OpenVinoEngine
from aigc.errors import EngineError, EngineMissing, InvalidModelFile, UserError
from aigc.types import EngineFile, ModelSpec

OPTIONS = LoadOptions(threads=1, context_tokens=64, cache_bytes=2**20, max_sequences=1)


def _spec(engine: str, path: Path) -> tuple[ModelSpec, EngineFile]:
    file = EngineFile(engine=engine, path=str(path), memory_bytes=0, cache_bytes_per_token=256)
    spec = ModelSpec(
        id="m", capabilities=("chat",), engines=(file,), context_tokens=64, created=0, digest="0" * 64, licence="MIT"
    )
    return spec, file


def test_every_engine_says_what_it_can_do() -> None:
    assert registry.names()[:3] == ["openvino", "llama_cpp", "e5"]
    assert registry.features("openvino") == OpenVinoEngine.features
    assert "logit_bias" in registry.features("llama_cpp")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UserError, match=r"known: openvino, llama_cpp, e5, .*echo"):
        registry.features("mlx")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    spec, file = _spec("llama_cpp", tmp_path / "m.gguf")
    with pytest.raises(EngineMissing, match="llama_cpp") as caught:
        registry.load(spec, file, OPTIONS, lambda pairs: None)
    assert caught.value.hint == "pip install xllamacpp"


def test_echo_runs_no_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="runs no files"):
        registry.prepare("echo", tmp_path, tmp_path)


def test_a_file_that_openvino_cannot_read_is_refused_before_it_is_tried(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="gemma3"):
        registry.prepare("openvino", write(tmp_path / "m.gguf", architecture="gemma3"), tmp_path / "openvino")
    assert not (tmp_path / "openvino").exists()


def test_a_folder_that_was_not_converted_here_is_refused(tmp_path: Path) -> None:
    spec, file = _spec("openvino", tmp_path)
    with pytest.raises(InvalidModelFile, match="pull it again"):
        registry.load(spec, file, OPTIONS, lambda pairs: None)


def test_llama_cpp_takes_a_file_as_it_is(tmp_path: Path) -> None:
    shares: list[float] = []
    path = write(tmp_path / "m.gguf")
    file = registry.prepare("llama_cpp", path, tmp_path / "unused", shares.append)
    assert (file.path, file.cache_bytes_per_token, shares) == (str(path), 256, [1.0])
    assert not (tmp_path / "unused").exists()


def test_importing_the_registry_loads_no_library() -> None:
    import subprocess

    heavy = "('openvino_genai', 'xllamacpp', 'gguf')"
    code = f"import sys, aigc.engines.registry; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
