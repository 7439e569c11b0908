"""Folders with picture models: what they say of themselves, and whether it is true."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from aigc.engines import model_folder
from aigc.errors import InvalidModelFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"net.onnx": b"network", "README.md": b"card"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    model = model_folder.ModelFolder(
        id="mine",
        engine="image",
        capabilities=("image",),
        memory_bytes=10,
        created=5,
        licence="Apache-2.0",
        files=model_folder.describe(files),
    )
    (tmp_path / "model.json").write_bytes(msgspec.json.encode(model))
    return tmp_path


def test_a_folder_becomes_a_model(folder: Path) -> None:
    spec = model_folder.read(folder).spec(folder)
    assert (spec.id, spec.capabilities, spec.engines[0].engine, spec.engines[0].path) == (
        "mine",
        ("image",),
        "image",
        str(folder),
    )
    assert model_folder.contents(folder, model_folder.read(folder), "net.onnx") == b"network"


@pytest.mark.parametrize("damage", [b"netwXrk", b"networ", b""])
def test_a_damaged_file_is_refused(folder: Path, damage: bytes) -> None:
    (folder / "net.onnx").write_bytes(damage)
    with pytest.raises(InvalidModelFile):
        model_folder.contents(folder, model_folder.read(folder), "net.onnx")


def test_a_missing_file_and_one_that_is_not_named_are_refused(folder: Path) -> None:
    (folder / "net.onnx").unlink()
    model = model_folder.read(folder)
    with pytest.raises(InvalidModelFile, match="can't be read"):
        model_folder.contents(folder, model, "net.onnx")
    with pytest.raises(InvalidModelFile, match="names no file"):
        model_folder.contents(folder, model, "other.onnx")


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"format":2}', b"\xff\xfe"])
def test_a_description_of_another_form_is_refused(folder: Path, text: bytes) -> None:
    (folder / "model.json").write_bytes(text)
    with pytest.raises(InvalidModelFile, match="describes no picture model"):
        model_folder.read(folder)


def test_files_outside_of_the_folder_are_refused(folder: Path) -> None:
    path = folder / "model.json"
    path.write_bytes(path.read_bytes().replace(b'"README.md"', b'"../README.md"'))
    with pytest.raises(InvalidModelFile, match="plain names"):
        model_folder.read(folder)


def test_the_digest_changes_with_any_file(folder: Path) -> None:
    model = model_folder.read(folder)
    other = msgspec.structs.replace(model, files=model.files | model_folder.describe({"net.onnx": b"another"}))
    assert len({model.digest, other.digest}) == 2
