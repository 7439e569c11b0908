from __future__ import annotations

import random

import pytest

from aigc.server.voice.sentences import MOST, Sentences


def pieces(text: str, step: int = 3) -> list[str]:
    cut = Sentences()
    found = [piece for start in range(0, len(text), step) for piece in cut.feed(text[start : start + step])]
    rest = cut.rest()
    return [*found, rest] if rest else found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Paris. It lies on the Seine.", ["Paris.", " It lies on the Seine."]),
        ("Dr. Smith paid $3.50. He left!", ["Dr. Smith paid $3.50.", " He left!"]),
        ("J. R. Tolkien wrote it, e.g. in 1937. Yes?", ["J. R. Tolkien wrote it,", " e.g. in 1937.", " Yes?"]),
        ("The sky is blue because of the air, which scatters it, mostly. So.",
         ["The sky is blue because of the air,", " which scatters it, mostly.", " So."]),
        ("“Stop!” he said. Then he ran.", ["“Stop!”", " he said.", " Then he ran."]),
        ("巴黎是法国的首都。它在塞纳河边。", ["巴黎是法国的首都。", "它在塞纳河边。"]),
        ("天空是蓝色的因为，空气散射光。", ["天空是蓝色的因为，", "空气散射光。"]),
        ("1. Eggs\n2. Milk\n", ["1. Eggs\n", "2. Milk\n"]),
        ("no end at all", ["no end at all"]),
        ("", []),
    ],
)  # fmt: skip
def test_a_text_is_cut_where_it_can_be_spoken(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_how_the_text_comes_changes_neither_it_nor_the_number_of_letters_spoken() -> None:
    random.seed(3)
    text = "".join(
        random.choice(["word ", "No. ", "end. ", "说，", "完。", "3.14 ", "!?", "\n", "... ", "Yes! "])
        for _ in range(400)
    )
    assert "".join(pieces(text, 1)) == "".join(pieces(text, 7)) == text
    assert pieces(text, 1) == pieces(text, 1)


def test_a_sentence_without_an_end_is_cut_between_two_words() -> None:
    found = pieces("word " * 200)
    assert "".join(found) == "word " * 200
    assert max(map(len, found)) <= MOST
    assert all(piece.strip().endswith("word") for piece in found)


def test_nothing_to_say_is_never_a_piece_of_its_own_before_the_end() -> None:
    assert pieces("... ! \n\n Well.") == ["... ! \n\n Well."]
