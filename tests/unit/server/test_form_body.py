"""Truth: httpx and the official clients write the forms; RFC 7578 says what they mean."""

from __future__ import annotations

import contextlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc.errors import UserError
from aigc.server.form_body import FormText, InvalidForm, Upload, parse
from aigc.server.images.protocol import EditRequest

BOUNDARY = "multipart/form-data; boundary=xyz"


def written(**parts: object) -> tuple[bytes, str]:
    request = httpx.Request("POST", "http://localhost", **parts)  # type: ignore[arg-type]
    return request.read(), request.headers["content-type"]


def test_what_httpx_writes_is_read() -> None:
    raw = bytes(range(256)) * 3 + b"\r\n--\r\n\r\n"
    body, kind = written(data={"prompt": "雪 & =", "n": "2"}, files={"image": ("a.png", raw), "mask": ("ä.png", b"")})
    assert parse(body, kind) == {"prompt": "雪 & =", "n": "2", "image": Upload(raw), "mask": Upload(b"")}


def test_a_name_that_comes_again_or_ends_in_brackets_is_a_list() -> None:
    body, kind = written(data={"a[]": "1", "b": ["1", "2"]}, files=[("image[]", ("x", b"1")), ("image[]", ("y", b"2"))])
    assert parse(body, kind) == {"a": ["1"], "b": ["1", "2"], "image": [Upload(b"1"), Upload(b"2")]}


@given(st.binary(max_size=300), st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))))
def test_files_and_texts_come_through_unchanged(raw: bytes, text: str) -> None:
    body, kind = written(data={"t": text}, files={"f": ("a", raw)})
    assert parse(body, kind) == {"t": text, "f": Upload(raw)}


@given(st.binary(max_size=300))
def test_anything_else_is_refused_in_words(raw: bytes) -> None:
    for body in (raw, b"--xyz" + raw + b"\r\n--xyz--", b"--xyz\r\n" + raw + b"\r\n--xyz--\r\n"):
        with contextlib.suppress(UserError):
            parse(body, BOUNDARY)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", "multipart/form-data", "no boundary"),
        (b"", "multipart/form-data; boundary=" + "x" * 71, "no boundary"),
        (b"--xyz\r\n", BOUNDARY, "not complete"),
        (b"--xyz\r\n\r\nhi\r\n--xyz--", BOUNDARY, "has no name"),
        (b"--xyz\r\nA: b\r\n--xyz--", BOUNDARY, "no usable header"),
        (
            b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 65 + b"--xyz--",
            BOUNDARY,
            "more than 64 parts",
        ),
        (b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--xyz--", BOUNDARY, "a is not UTF-8"),
        (b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n\0\r\n--xyz--", BOUNDARY, "NUL"),
    ],
)
def test_a_form_that_cannot_be_used_says_why(body: bytes, kind: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse(body, kind)


def test_a_form_of_very_many_boundaries_is_refused_without_splitting_it() -> None:
    with pytest.raises(InvalidForm, match="more than 64 parts"):
        parse(b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 1_000_000, BOUNDARY)


def test_digits_are_numbers_only_where_a_number_is_expected() -> None:
    fields = {"prompt": FormText("7"), "n": FormText("7"), "stream": FormText("true"), "image": Upload(b"x")}
    read = EditRequest.model_validate(fields)
    assert (read.prompt, read.n, read.stream) == ("7", 7, True)
    assert type(read.prompt) is str
    with pytest.raises(ValueError, match="n\n"):
        EditRequest.model_validate(fields | {"n": FormText("007")})
    with pytest.raises(ValueError, match="n\n"):
        EditRequest.model_validate(fields | {"n": "7"})  # in JSON "7" is no number
