"""How a text is cut for speaking: nothing is lost, nothing strange gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc.engines.voice_text import parts, plain
from aigc.errors import UserError


def texts(text: str) -> list[str]:
    return [part.text for part in parts(text)]


def test_sentences_are_spoken_one_by_one() -> None:
    assert texts("How are you? Fine! Well... yes.") == ["How are you? ", "Fine! ", "Well... yes."]
    assert texts("你好。今天好吗？很好！") == ["你好。", "今天好吗？", "很好！"]


def test_titles_initials_and_numbers_end_no_sentence() -> None:
    text = "Dr. Smith met J. K. Rowling, e.g. at No. 5 of St. John. It cost 3.50 then."
    assert texts(text) == ["Dr. Smith met J. K. Rowling, e.g. at No. 5 of St. John. ", "It cost 3.50 then."]


def test_each_sentence_has_the_language_of_its_script() -> None:
    made = parts("你好，世界。Hello world! 我用Python编程。")
    assert [(part.text, part.language) for part in made] == [
        ("你好，世界。", "zh"),
        ("Hello world! ", "en"),
        ("我用Python编程。", "zh"),
    ]


def test_a_line_break_is_a_longer_pause_than_a_full_stop() -> None:
    heading, first, last = parts("A heading\n\nOne. Two.")
    assert heading.pause > first.pause > last.pause or heading.pause > first.pause > 0


def test_long_sentences_are_cut_where_a_reader_breathes() -> None:
    made = texts("The first part of it goes on and on, " * 20)
    assert all(len(text.strip()) <= 240 for text in made)
    assert all(text.rstrip().endswith(",") for text in made)
    assert max(len(text) for text in texts("长" * 200)) == 20
    assert len(texts("word " * 50)[0]) <= 100


@given(st.text(alphabet=st.sampled_from("ab Z1.,!?…\n你好。，；（）“”'*#-😀é"), max_size=400))
def test_the_parts_together_are_the_text(text: str) -> None:
    if any(char.isalnum() for char in text):
        assert "".join(texts(text)) == text
    else:
        with pytest.raises(UserError):
            parts(text)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="input is empty"):
        parts(text)


@pytest.mark.parametrize("text", ["😀", "...", "🎉🎉 !!", "---\n***", "，。"])
def test_a_text_without_a_word_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="has nothing to speak"):
        parts(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Hello Привет", "П (cyrillic capital letter pe)"),
        ("かな", "か (hiragana letter ka)"),
        ("مرحبا", "م (arabic letter meem)"),
        ("한국", "한 (hangul syllable han)"),
        ("٣", "٣ (arabic-indic digit three)"),
    ],
)
def test_letters_that_nobody_speaks_are_named(text: str, named: str) -> None:
    with pytest.raises(UserError) as caught:
        parts(text)
    assert named in caught.value.message
    assert caught.value.param == "input"


def test_layout_emoji_and_addresses_of_links_are_not_read() -> None:
    assert plain("**Bold** `code` 😀 [the page](https://example.com/x) → ok") == "Bold code the page ok"
    assert plain("ﬁne\u200b Ｈｅｌｌｏ\n½") == "fine Hello 1⁄2"
    assert plain("say [hello](/hˈɛloʊ/)") == "say hello"
