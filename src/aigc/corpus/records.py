"""Records of files: a text for each document, an object for each line or row; every one with its place.

Knows: txt, md, source code, jsonl, json, csv, parquet, folders of them. Does not know: what the records mean.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from aigc.errors import EngineMissing, UserError

STDLIB = "stdlib"
"""The source code of the Python that runs: something real to learn from that is always there."""
_TEXTS = frozenset(
    ".txt .md .markdown .rst .py .pyi .js .ts .c .h .cc .cpp .hpp .java .go .rs .rb .sh .sql .html .css .toml .tex "
    ".yaml .yml .srt .vtt .log".split()
)
_LINES = (".jsonl", ".ndjson")
_ROWS = (".csv", ".tsv")
SUFFIXES = (*sorted(_TEXTS), *_LINES, ".json", *_ROWS, ".parquet")
MOST_BYTES = 512 * 2**20
"""Of one file that is read as a whole."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Place(NamedTuple):
    """Where a record is."""

    file: str
    line: int
    """From 1; 0: the whole file."""

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}" if self.line else self.file


class Record(NamedTuple):
    """A text or an object, and its place."""

    place: Place
    value: Any


Tell = Callable[[Place, str], None]
"""Told what is wrong with a record that is left out."""


def files(source: str) -> list[Path]:
    """The files that a source means, in a fixed order.

    Args:
        source: a file, a folder, or ``stdlib``.

    Raises:
        UserError: there is no such file, none of a known kind in the folder, or a file of an unknown kind.
    """
    if source == STDLIB:
        return _stdlib()
    path = Path(source).expanduser()
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES and _plain(p, path))
        if not found:
            raise UserError(f"{path} holds no file to learn from; accepted: {', '.join(SUFFIXES)}", param="data")
        return found
    if not path.is_file():
        raise UserError(f"there is no file or folder {path}", param="data", hint=f"or {STDLIB!r}, Python's own source")
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path.name} is of a kind that isn't read; accepted: {', '.join(SUFFIXES)}", param="data")
    return [path]


def _plain(path: Path, root: Path) -> bool:
    """Neither hidden nor in a hidden folder."""
    return not any(part.startswith(".") for part in path.relative_to(root).parts)


def _stdlib() -> list[Path]:
    root = Path(sysconfig.get_path("stdlib"))
    left_out = ("site-packages", "dist-packages", "__pycache__", "lib2to3", "idlelib", "turtledemo")
    found = [p for p in sorted(root.rglob("*.py")) if not any(part in left_out for part in p.relative_to(root).parts)]
    if not found:
        raise UserError(f"the Python {sys.version.split()[0]} that runs came without its source", param="data")
    return found


def read(path: Path, tell: Tell | None = None) -> Iterator[Record]:
    """The records of a file, one after the other.

    Args:
        path: of a known kind.
        tell: what is told of a line that can't be read, which is then left out; None: the first one is raised.

    Raises:
        UserError: the file can't be read, is no text, or a line is wrong; with the line.
        EngineMissing: a Parquet file, and `pyarrow` isn't installed.
    """
    kind = path.suffix.lower()
    try:
        if kind in _LINES:
            yield from _lines(path, tell)
        elif kind == ".parquet":
            yield from _parquet(path)
        elif path.stat().st_size > MOST_BYTES:
            raise UserError(
                f"{path.name} has {path.stat().st_size} bytes; accepted: at most {MOST_BYTES}", param="data"
            )
        elif kind == ".json":
            yield from _json(path)
        elif kind in _ROWS:
            yield from _rows(path)
        else:
            yield Record(Place(path.name, 0), _decoded(path))
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}", param="data") from error


def _decoded(path: Path) -> str:
    """Text by its mark, else UTF-8. Raises: UserError: it is neither."""
    content = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path.name}, line {line}: byte {error.start} is no {encoding.upper()}",
            param="data",
            hint="save it as UTF-8",
        ) from error
    if "\0" in text:
        raise UserError(f"{path.name} is no text: it holds zero bytes", param="data")
    return text.replace("\r\n", "\n")


def _lines(path: Path, tell: Tell | None) -> Iterator[Record]:
    """A line at a time: a file of half a gigabyte is never in memory."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if not line.strip():
                continue
            place = Place(path.name, number)
            try:
                yield Record(place, json.loads(line.decode("utf-8"), parse_constant=_refuse))
            except (ValueError, RecursionError) as error:
                reason = _reason(error)
                if tell is None:
                    raise UserError(f"{place}: {reason}", param="data") from error
                tell(place, reason)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} of the line is no UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON: {error.msg}, column {error.colno}"
    return f"it is no JSON: {error or type(error).__name__}"


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _json(path: Path) -> Iterator[Record]:
    try:
        found = json.loads(_decoded(path), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path.name}: {_reason(error)}", param="data") from error
    if not isinstance(found, list):
        raise UserError(f"{path.name} holds no list of examples", param="data", hint="one object a line: .jsonl")
    for number, value in enumerate(found, start=1):
        yield Record(Place(f"{path.name}, example {number}", 0), value)


def _rows(path: Path) -> Iterator[Record]:
    text = io.StringIO(_decoded(path), newline="")
    table = csv.DictReader(text, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
    try:
        for row in table:
            if None in row or None in row.values():
                raise UserError(
                    f"{path.name}, line {table.line_num}: not as many cells as the first line has", param="data"
                )
            yield Record(Place(path.name, table.line_num), {key: cell for key, cell in row.items() if cell != ""})
    except csv.Error as error:
        raise UserError(f"{path.name}, after line {table.line_num}: {error}", param="data") from error


def _parquet(path: Path) -> Iterator[Record]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise EngineMissing("Parquet files need pyarrow, which is not installed", hint="pip install pyarrow") from error
    try:
        number = 0
        for batch in parquet.ParquetFile(path).iter_batches(1024):
            for row in batch.to_pylist():
                number += 1
                yield Record(Place(f"{path.name}, row {number}", 0), {k: v for k, v in row.items() if v is not None})
    except pyarrow.ArrowException as error:
        raise UserError(f"{path.name} is no readable Parquet file: {error}", param="data") from error
