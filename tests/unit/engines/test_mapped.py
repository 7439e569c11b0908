"""Pages of a mapped file are given back, and what the file says stays true."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import pytest

from aigc.engines import mapped

_SIZE = 8 * 2**20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/smaps")


def _resident_kib(file: Path) -> int:
    lines = iter(Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines())
    found = 0
    for line in lines:
        if line.endswith(f" {file}"):
            found += next(int(detail.split()[1]) for detail in lines if detail.startswith("Rss:"))
    return found


def test_resident_pages_of_a_file_mapped_for_reading_go_and_its_bytes_stay(tmp_path: Path) -> None:
    file = tmp_path / "a model.bin"
    content = bytes(range(256)) * (_SIZE // 256)
    file.write_bytes(content)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as view:
        assert view[:] == content
        assert _resident_kib(file) == _SIZE // 1024
        assert mapped.release(file) == _SIZE
        assert _resident_kib(file) == 0
        assert view[:] == content


def test_a_writable_mapping_keeps_its_changes(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"a" * _SIZE)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) as view:
        view[0] = ord("b")
        assert mapped.release(file) == 0
        assert view[:2] == b"ba"


def test_a_file_that_nobody_mapped_is_no_error(tmp_path: Path) -> None:
    assert mapped.release(tmp_path / "model.bin") == 0
