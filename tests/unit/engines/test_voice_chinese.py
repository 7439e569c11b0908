"""How Chinese is read: all syllables as misaki writes them, numbers as people say them, mixed sentences whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aigc.engines.voice_chinese import mixed, refuse_unknown
from aigc.engines.voice_numbers import number, spelled
from aigc.engines.voice_pinyin import phonemes, syllable
from aigc.errors import UserError

MISAKI = json.loads((Path(__file__).parents[2] / "data/mandarin-phonemes.json").read_text("utf-8"))
"""Every syllable of pypinyin's dictionary, as misaki 0.9.4 writes it."""


def test_every_syllable_is_as_misaki_writes_it() -> None:
    assert len(MISAKI) == 1549
    assert {pinyin: syllable(pinyin) for pinyin in MISAKI} == MISAKI


def test_characters_with_several_readings_are_read_by_the_phrase() -> None:
    assert phonemes("银行行长") == "".join(MISAKI[one] for one in ("yin2", "hang2", "hang2", "zhang3"))
    first, second = "".join(MISAKI[one] for one in ("chong2", "qing4")), MISAKI["zhong4"] + MISAKI["yao4"]
    assert phonemes("重庆重要") == f"{first} {second}"


@pytest.mark.parametrize("wrong", ["", "xyz1", "ma", "ma6", "hello5"])
def test_what_is_no_syllable_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no syllable"):
        syllable(wrong)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("今天是2024年3月5日", "今天是二零二四年三月五日"),
        ("2024-11-22", "二零二四年十一月二十二日"),
        ("气温-3.5°C", "气温零下三点五摄氏度"),
        ("涨了12.5%", "涨了百分之十二点五"),
        ("花费¥1234.5元", "花费一千二百三十四点五元"),
        ("$3.2亿", "三点二亿美元"),
        ("1/3的人", "三分之一的人"),
        ("电话13812345678", "电话一三八一二三四五六七八"),
        ("拨打010-12345678", "拨打零一零一二三四五六七八"),
        ("下午3:30到9:00", "下午三点三十分到九点整"),
        ("08:05", "八点零五分"),
        ("共100,000人", "共十万人"),
        ("第2名", "第二名"),
        ("2个苹果和12个梨", "两个苹果和十二个梨"),
        ("2月2日", "二月二日"),
        ("2年后", "两年后"),
        ("1998年", "一九九八年"),
        ("3-5天", "三到五天"),
        ("10km", "十公里"),
        ("007号", "零零七号"),
        ("GPT4和iPhone 15", "GPT4和iPhone 十五"),
    ],
)
def test_numbers_are_said_as_people_say_them(written: str, said: str) -> None:
    assert spelled(written) == said


def test_long_numbers_are_read_digit_by_digit() -> None:
    assert number("105") == "一百零五"
    assert number("15") == "十五"
    assert number("12345678901234567890").startswith("一二三四五")


def test_latin_words_in_a_sentence_are_spoken_where_they_stand() -> None:
    told: list[str] = []

    def english(word: str) -> str:
        told.append(word)
        return "W"

    made = mixed("我用Python写程序，它叫don't-panic。", english)
    assert told == ["Python", "don't-panic"]
    first = "".join(MISAKI[one] for one in ("wo3", "yong4"))
    assert made.startswith(f"{first} W {MISAKI['xie3']}")
    assert made.endswith("W .")


def test_punctuation_becomes_what_the_model_knows() -> None:
    assert mixed("啊，《啊》（啊）！", lambda word: word).replace(MISAKI["a5"], "A").replace(MISAKI["a1"], "A") in (
        "A, “A” (A) !",
        "A, “A” (A)!",
        "A, “A” (A) ! ",
    )


def test_characters_without_a_reading_are_named() -> None:
    refuse_unknown("你好 Python")
    with pytest.raises(UserError, match=r"reading is not known: .* \(U\+3402\)"):
        refuse_unknown("你\u3402好")
