"""Files of every kind, and what is wrong with them, with the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aigc.corpus.records import Place, files, read
from aigc.errors import UserError


def _values(path: Path, content: bytes) -> list[Any]:
    path.write_bytes(content)
    return [record.value for record in read(path)]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"first\r\nsecond", ["first\nsecond"]),
        ("a.md", "雪".encode("utf-8-sig"), ["雪"]),
        ("a.txt", "雪".encode("utf-16"), ["雪"]),
        ("a.jsonl", b'\xef\xbb\xbf{"text": "a"}\n\n{"text": "b"}', [{"text": "a"}, {"text": "b"}]),
        ("a.json", b'[{"text": "a"}, "b"]', [{"text": "a"}, "b"]),
        ("a.csv", b'prompt,completion\n"a, b","c\nd"\n', [{"prompt": "a, b", "completion": "c\nd"}]),
        ("a.tsv", b"text\tmore\nx\t\n", [{"text": "x"}]),
    ],
)
def test_a_file_holds(tmp_path: Path, name: str, content: bytes, expected: list[Any]) -> None:
    assert _values(tmp_path / name, content) == expected


def test_parquet_holds_the_same(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"text": ["a", "b"], "more": [None, "x"]}), tmp_path / "a.parquet")
    assert [r.value for r in read(tmp_path / "a.parquet")] == [{"text": "a"}, {"text": "b", "more": "x"}]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", "gr\xfcn".encode("latin-1"), "a.txt, line 1: byte 2 is no UTF-8"),
        ("a.txt", b"a\0b", "a.txt is no text: it holds zero bytes"),
        ("a.jsonl", b'{"text": "a"}\n{"text": ', "a.jsonl, line 2: it is no JSON: Expecting value, column 10"),
        ("a.jsonl", b'{"text": "a"}\n\xff\xfe', "a.jsonl, line 2: byte 0 of the line is no UTF-8"),
        ("a.jsonl", b'{"x": NaN}', "a.jsonl, line 1: it is no JSON: NaN is no number of JSON"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl, line 1: it is no JSON"),
        ("a.json", b'{"text": "a"}', "a.json holds no list of examples"),
        ("a.csv", b"a,b\n1\n", "a.csv, line 2: not as many cells as the first line has"),
        ("a.csv", b'a,b\n"1,2\n', "a.csv, after line 1: unexpected end of data"),
    ],
)
def test_it_is_refused(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    with pytest.raises(UserError, match=told):
        _values(tmp_path / name, content)


def test_wrong_lines_may_be_told_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\nnonsense\n{"text": "b"}\n')
    told: list[tuple[Place, str]] = []
    found = [r.value["text"] for r in read(tmp_path / "a.jsonl", lambda *it: told.append(it))]
    assert found == ["a", "b"]
    assert told == [(Place("a.jsonl", 2), "it is no JSON: Expecting value, column 1")]


def test_a_folder_means_its_files_in_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.md", ".git/x.txt", "picture.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [p.relative_to(tmp_path).as_posix() for p in files(str(tmp_path))] == ["a/c.md", "b.txt"]


def test_places_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no file to learn from; accepted: \.c, \.cc"):
        files(str(tmp_path))
    with pytest.raises(UserError, match="there is no file or folder"):
        files(str(tmp_path / "none"))
    (tmp_path / "a.docx").write_text("x")
    with pytest.raises(UserError, match=r"a.docx is of a kind that isn't read"):
        files(str(tmp_path / "a.docx"))


def test_the_standard_library_is_always_there() -> None:
    names = {path.name for path in files("stdlib")}
    assert {"argparse.py", "json.py" if "json.py" in names else "decoder.py"} <= names
    assert len(names) > 300
