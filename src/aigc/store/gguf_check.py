"""The header check: reads a GGUF file in Python and refuses what could harm the native code that opens it later.

Every count, length, type, offset and size is compared with a bound and with the file's real length before it is used.
The check never allocates by a number that the file chose, and never reads tensor data.

Source: the GGUF specification, versions 2 and 3, little-endian.
Knows: bytes. Does not know: which models exist, what they are for, where files come from.
"""

from __future__ import annotations

import itertools
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from aigc.errors import InvalidModelFile
from aigc.store import gguf_format as form

Value = bool | int | float | str | tuple[bool | int | float, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where one tensor lies. ``offset`` counts from the start of the file."""

    name: str
    shape: tuple[int, ...]
    """Fastest dimension first, as in the file."""
    type: str
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the check found. Long arrays appear in ``array_lengths`` only."""

    version: int
    metadata: dict[str, Value]
    array_lengths: dict[str, int]
    tensors: tuple[Tensor, ...]
    alignment: int
    data_offset: int
    file_bytes: int


def read_header(path: Path) -> Header:
    """Check a GGUF file.

    Args:
        path: a regular file.

    Raises:
        InvalidModelFile: the file breaks the format or one of our bounds; says where and with which numbers.
        OSError: the file can't be opened or mapped.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < 24:
            raise InvalidModelFile(f"{path.name}: {size} bytes are too few for a GGUF header (24 are needed)")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return _Reader(content, size).header()
            except InvalidModelFile as error:
                raise InvalidModelFile(
                    f"{path.name} is not a GGUF file that can be opened safely: {error.message}", hint=error.hint
                ) from None


class _Reader:
    """A cursor that can't leave the file."""

    def __init__(self, content: mmap.mmap, size: int) -> None:
        self._content = content
        self._size = size
        self._at = 0

    def header(self) -> Header:
        version, tensor_count, key_count = self._preamble()
        metadata, lengths = self._metadata(key_count)
        alignment = _alignment(metadata)
        raw = [self._tensor_info() for _ in range(tensor_count)]
        data_offset = _padded(self._at, alignment)
        tensors = self._place(raw, data_offset, alignment)
        return Header(version, metadata, lengths, tensors, alignment, data_offset, self._size)

    def _preamble(self) -> tuple[int, int, int]:
        magic = self._take(4)
        if magic != form.MAGIC:
            raise InvalidModelFile(f"it starts with {magic!r}, expected {form.MAGIC!r}")
        version = self._number("<I")
        if version not in form.VERSIONS:
            swapped = int.from_bytes(struct.pack("<I", version), "big")
            note = ", a big-endian file" if swapped in form.VERSIONS else ""
            raise InvalidModelFile(f"its format version is {version}{note}; accepted: 2 and 3, little-endian")
        tensor_count, key_count = self._number("<Q"), self._number("<Q")
        _bounded("number of tensors", tensor_count, form.MAX_TENSORS)
        _bounded("number of metadata keys", key_count, form.MAX_KEYS)
        return version, tensor_count, key_count

    def _metadata(self, count: int) -> tuple[dict[str, Value], dict[str, int]]:
        metadata: dict[str, Value] = {}
        lengths: dict[str, int] = {}
        for _ in range(count):
            key = self._text("a metadata key", form.MAX_KEY_BYTES)
            if not key or key in metadata or key in lengths:
                raise InvalidModelFile(f"metadata key {key!r} is {'there twice' if key else 'empty'}")
            kind = self._number("<I")
            if kind == form.ARRAY:
                lengths[key], kept = self._array(key)
                if kept is not None:
                    metadata[key] = kept
            elif kind == form.STRING:
                metadata[key] = self._text(f"the value of {key!r}", form.MAX_STRING_BYTES)
            else:
                metadata[key] = self._scalar(key, kind)
        return metadata, lengths

    def _scalar(self, key: str, kind: int) -> bool | int | float:
        code = form.SCALARS.get(kind)
        if code is None:
            raise InvalidModelFile(f"{key!r} has the unknown value type {kind}; accepted: 0 to 12")
        (value,) = struct.unpack(code, self._take(struct.calcsize(code)))
        if kind == form.BOOL:
            if value not in (0, 1):
                raise InvalidModelFile(f"{key!r} is a truth value with the byte {value}; accepted: 0 and 1")
            return bool(value)
        return value  # type: ignore[no-any-return]

    def _array(self, key: str) -> tuple[int, tuple[bool | int | float, ...] | None]:
        kind, count = self._number("<I"), self._number("<Q")
        _bounded(f"length of the array {key!r}", count, form.MAX_ARRAY_ITEMS)
        if kind == form.STRING:
            self._skip_strings(key, count)
            return count, None
        code = form.SCALARS.get(kind)
        if code is None:
            what = "an array of arrays, which no loader reads" if kind == form.ARRAY else f"of unknown type {kind}"
            raise InvalidModelFile(f"the array {key!r} is {what}")
        data = self._take(count * struct.calcsize(code))
        if count > form.MAX_KEPT_ITEMS:
            return count, None
        values = struct.unpack(f"<{count}{code[1]}", data)
        return count, tuple(map(bool, values)) if kind == form.BOOL else values

    def _skip_strings(self, key: str, count: int) -> None:
        # A vocabulary has some 150,000 entries: this loop is the cost of the whole check, so it works on locals.
        at, size, content = self._at, self._size, self._content
        length_at = struct.Struct("<Q").unpack_from
        try:
            for _ in range(count):
                (length,) = length_at(content, at)
                at += 8 + length
                if length > form.MAX_STRING_BYTES or at > size:
                    raise InvalidModelFile(f"a text in the array {key!r} has {length} bytes and leaves the file")
        except struct.error:
            raise InvalidModelFile(f"the array {key!r} of {count} texts leaves the file") from None
        self._at = at

    def _tensor_info(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._text("a tensor name", form.MAX_NAME_BYTES)
        dimensions = self._number("<I")
        if not 1 <= dimensions <= form.MAX_DIMENSIONS:
            raise InvalidModelFile(f"tensor {name!r} has {dimensions} dimensions; accepted: 1 to {form.MAX_DIMENSIONS}")
        shape = tuple(self._number("<Q") for _ in range(dimensions))
        return name, shape, self._number("<I"), self._number("<Q")

    def _place(
        self, raw: list[tuple[str, tuple[int, ...], int, int]], data_offset: int, alignment: int
    ) -> tuple[Tensor, ...]:
        tensors = []
        names: set[str] = set()
        for name, shape, kind, offset in raw:
            if name in names:
                raise InvalidModelFile(f"there are two tensors called {name!r}")
            names.add(name)
            size = _tensor_bytes(name, shape, kind)
            if offset % alignment:
                raise InvalidModelFile(f"tensor {name!r} starts at {offset}, which is no multiple of {alignment}")
            start = data_offset + offset
            if start + size > self._size:
                raise InvalidModelFile(
                    f"tensor {name!r} ends at byte {start + size}, but the file has {self._size}",
                    hint="the file is probably cut off: download it again",
                )
            tensors.append(Tensor(name, shape, form.TENSOR_TYPES[kind][0], start, size))
        ordered = sorted(tensors, key=lambda t: t.offset)
        for before, after in itertools.pairwise(ordered):
            if before.offset + before.size_bytes > after.offset:
                raise InvalidModelFile(f"tensors {before.name!r} and {after.name!r} overlap")
        return tuple(tensors)

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > self._size:
            raise InvalidModelFile(f"the header wants {count} bytes at {self._at}, but the file has {self._size}")
        found = self._content[self._at : end]
        self._at = end
        return found

    def _number(self, code: str) -> int:
        value: int = struct.unpack(code, self._take(struct.calcsize(code)))[0]
        return value

    def _text(self, what: str, limit: int) -> str:
        length = self._number("<Q")
        _bounded(f"length of {what} in bytes", length, limit)
        data = self._take(length)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidModelFile(f"{what} at byte {self._at - length} is not UTF-8: {error.reason}") from None


def _alignment(metadata: dict[str, Value]) -> int:
    value = metadata.get("general.alignment", form.DEFAULT_ALIGNMENT)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidModelFile(f"general.alignment is {value!r}; expected a whole number")
    if not 8 <= value <= form.MAX_ALIGNMENT or value & (value - 1):
        raise InvalidModelFile(f"general.alignment is {value}; accepted: a power of two, 8 to {form.MAX_ALIGNMENT}")
    return value


def _tensor_bytes(name: str, shape: tuple[int, ...], kind: int) -> int:
    if kind not in form.TENSOR_TYPES:
        raise InvalidModelFile(f"tensor {name!r} has type {kind}, which is not known here")
    label, block, block_bytes = form.TENSOR_TYPES[kind]
    values = 1
    for length in shape:
        values *= length
        # Checked at every factor: the product of four 64-bit numbers would pass 2^63 in native code.
        if length < 1 or values >= 2**63:
            raise InvalidModelFile(f"tensor {name!r} has the impossible shape {shape}")
    if shape[0] % block:
        raise InvalidModelFile(f"tensor {name!r} has rows of {shape[0]} values; {label} needs a multiple of {block}")
    return values // block * block_bytes


def _padded(offset: int, alignment: int) -> int:
    return (offset + alignment - 1) // alignment * alignment


def _bounded(what: str, value: int, limit: int) -> None:
    if value > limit:
        raise InvalidModelFile(f"the {what} is {value}; accepted: at most {limit}")
