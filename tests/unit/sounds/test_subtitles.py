"""Subtitles as players read them."""

from __future__ import annotations

from aigc.sounds.languages import NAMES, name_of
from aigc.sounds.subtitles import srt, vtt

CUES = [(0.0, 1.5, " One & two."), (3661.2345, 3662.9996, " <b>\n\n--> three")]


def test_subrip_numbers_its_cues_and_writes_commas() -> None:
    assert srt(CUES) == (
        "1\n00:00:00,000 --> 00:00:01,500\nOne & two.\n\n2\n01:01:01,234 --> 01:01:03,000\n<b> -> three\n\n"
    )


def test_webvtt_has_a_head_and_escapes_what_would_be_markup() -> None:
    assert vtt(CUES) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne &amp; two.\n\n"
        "01:01:01.234 --> 01:01:03.000\n&lt;b&gt; -&gt; three\n\n"
    )


def test_nobody_speaking_is_an_empty_file() -> None:
    assert (srt([]), vtt([])) == ("", "WEBVTT\n\n")


def test_languages_have_names() -> None:
    assert (name_of("en"), name_of("yue"), name_of("ht"), name_of("")) == (
        "english",
        "cantonese",
        "haitian creole",
        "unknown",
    )
    assert len(NAMES) == 100
