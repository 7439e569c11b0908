"""Subtitles: SubRip and WebVTT.

Knows: how both spell times and texts. Does not know: where the texts come from.
Source: WebVTT (W3C), section 4; for SubRip there is only usage: https://www.matroska.org/technical/subtitles.html
"""

from __future__ import annotations

from collections.abc import Sequence

Cue = tuple[float, float, str]
"""Start and end in seconds, and the text."""


def srt(cues: Sequence[Cue]) -> str:
    """A whole SubRip file."""
    blocks = [
        f"{number}\n{_time(start, ',')} --> {_time(end, ',')}\n{_line(text)}\n\n"
        for number, (start, end, text) in enumerate(cues, 1)
    ]
    return "".join(blocks)


def vtt(cues: Sequence[Cue]) -> str:
    """A whole WebVTT file."""
    blocks = [f"{_time(start, '.')} --> {_time(end, '.')}\n{_escaped(_line(text))}\n\n" for start, end, text in cues]
    return "WEBVTT\n\n" + "".join(blocks)


def _time(seconds: float, point: str) -> str:
    rest, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, seconds_left = divmod(rest, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds_left:02d}{point}{thousandths:03d}"


def _line(text: str) -> str:
    """An empty line would end the cue, an arrow would begin another one."""
    return " ".join(text.split()).replace("-->", "->")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
