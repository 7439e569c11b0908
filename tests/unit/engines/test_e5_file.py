from __future__ import annotations

import random
import struct
from pathlib import Path

import numpy as np
import pytest
from e5_toy import CHARACTERS, PIECES, matrices, toy_bytes, write_toy

from aigc.engines import e5_file
from aigc.errors import InvalidModelFile, StoreError

_PIECES_AT = 8 + 36


def _refused(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "bad.bin"
    path.write_bytes(data)
    with pytest.raises(InvalidModelFile) as caught:
        e5_file.read(path)
    return caught.value.message


def _patched(at: int, layout: str, value: float | bytes) -> bytes:
    data = bytearray(toy_bytes())
    struct.pack_into("<" + layout, data, at, value)
    return bytes(data)


def test_a_sound_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = e5_file.read(write_toy(tmp_path / "toy.bin"))
    assert file.sizes == e5_file.Sizes(32, 2, 2, 64, 16, 40, 2, pytest.approx(1e-5))
    assert file.vocabulary.pieces == tuple(piece for piece, _ in PIECES)
    assert file.characters == CHARACTERS
    matrix = file.tensors["l1.fo.w"]
    assert isinstance(matrix, e5_file.Quantised)
    codes = np.concatenate([matrix.packed & 15, matrix.packed >> 4], axis=2).reshape(32, 64)
    assert (codes == matrices()["l1.fo.w"][0]).all()
    assert (matrix.scales[..., 0] == matrices()["l1.fo.w"][1]).all()


def test_the_magic_number_tells_the_format(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"GGUF")
    assert e5_file.is_e5(write_toy(tmp_path / "toy.bin"))
    assert not e5_file.is_e5(other)
    assert not e5_file.is_e5(tmp_path / "absent")


def test_an_absent_file_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be read"):
        e5_file.read(tmp_path / "absent.bin")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "empty" in _refused(tmp_path, b"")


@pytest.mark.parametrize(
    ("at", "layout", "value", "message"),
    [
        (0, "4s", b"GGUF", "begins with b'GGUF'"),
        (4, "I", 2, "version is 2"),
        (8, "i", 0, "width is 0"),
        (8, "i", -32, "width is -32"),
        (8, "i", 2**30, "width is 1073741824"),
        (8, "i", 33, "not a multiple of 32"),
        (12, "i", 257, "257 layers"),
        (12, "i", 3, "37 tensors; 3 layers have 53"),
        (16, "i", 5, "can't be split into 5 heads"),
        (24, "i", 10, "14 pieces for 10 embeddings"),
        (24, "i", 17, "tensor emb.word"),
        (36, "f", float("nan"), "epsilon is nan"),
        (40, "i", 64, "group size is 64"),
        (_PIECES_AT, "i", 2**31 - 1, "pieces"),
        (_PIECES_AT + 4, "i", 2, "share an id"),
        (_PIECES_AT + 4, "i", -1, "not among 14 pieces"),
        (_PIECES_AT + 20, "Q", 2**63, "the pieces needs"),
        (_PIECES_AT + 28 + 4, "I", 10**6, "don't increase"),
        (_PIECES_AT + 28 + 60, "f", float("inf"), "score"),
    ],
)
def test_a_wrong_number_in_the_header_is_named(
    tmp_path: Path, at: int, layout: str, value: float | bytes, message: str
) -> None:
    assert message in _refused(tmp_path, _patched(at, layout, value))


def test_a_tensor_outside_the_file_is_refused(tmp_path: Path) -> None:
    entry = toy_bytes().index(b"l1.oln.b") + len(b"l1.oln.b")
    assert "outside" in _refused(tmp_path, _patched(entry + 5, "Q", 2**62))
    assert "outside" in _refused(tmp_path, _patched(entry + 5, "Q", 0))


def test_a_tensor_of_another_size_is_refused(tmp_path: Path) -> None:
    entry = toy_bytes().index(b"l1.oln.b") + len(b"l1.oln.b")
    assert "(31, 128)" in _refused(tmp_path, _patched(entry + 1, "I", 31))


def test_a_tensor_of_another_name_is_refused(tmp_path: Path) -> None:
    assert "'l1.oln.x' is unknown" in _refused(tmp_path, toy_bytes().replace(b"l1.oln.b", b"l1.oln.x"))
    assert "'l1.oln.w' is unknown or there twice" in _refused(tmp_path, toy_bytes().replace(b"l1.oln.b", b"l1.oln.w"))


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    data = toy_bytes()
    assert "l1.oln.b holds a value" in _refused(tmp_path, data[:-4] + struct.pack("<f", float("nan")))


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    data = toy_bytes()
    for length in range(1, len(data), 97):
        _refused(tmp_path, data[:length])


def test_random_damage_raises_nothing_else(tmp_path: Path) -> None:
    dice, data, path = random.Random(4), toy_bytes(), tmp_path / "bad.bin"
    for _ in range(400):
        bad = bytearray(data)
        for _ in range(dice.randint(1, 4)):
            bad[dice.randrange(1500)] = dice.randrange(256)
        path.write_bytes(bad)
        try:
            e5_file.read(path)
        except InvalidModelFile:
            continue
