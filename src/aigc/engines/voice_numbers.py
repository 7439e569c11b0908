"""Numbers, dates, times and money in a Chinese sentence, as they are said.

`cn2an` writes a number in characters; what a number means, the characters around it say.

Knows: patterns. Does not know: how characters sound. English is read by the English voice's own rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_DIGITS = "零一二三四五六七八九"
_NUMBER = r"\d+(?:\.\d+)?"
_MOST_DIGITS = 16
"""Longer numbers are read digit by digit."""
_MEASURES = "个位本张条只件台辆次天年月周岁种块元分秒点小时分钟公里公斤米克倍层家座套名人"
_UNITS = {
    "km/h": "公里每小时",
    "km": "公里",
    "cm": "厘米",
    "mm": "毫米",
    "kg": "公斤",
    "mg": "毫克",
    "ml": "毫升",
    "m": "米",
    "g": "克",
    "L": "升",
    "GB": "G B",
    "MB": "M B",
}
_MONEY = {"¥": "元", "$": "美元", "€": "欧元", "£": "英镑"}
_UNIT_NAMES = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))


def spelled(text: str) -> str:
    """A sentence with its numbers in characters. Digits that belong to a Latin word stay: its language reads them."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    return text


def number(digits: str) -> str:
    """``12.5`` as 十二点五."""
    import cn2an

    whole, point, rest = digits.partition(".")
    if len(whole) > _MOST_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        said = one_by_one(whole)
    else:
        said = str(cn2an.an2cn(int(whole), "low"))
        if said.startswith("一十"):
            said = said[1:]
    return said + (f"点{one_by_one(rest)}" if point else "")


def one_by_one(digits: str) -> str:
    """``2024`` as 二零二四."""
    return "".join(_DIGITS[int(digit)] for digit in digits)


def _signed(digits: str) -> str:
    return f"负{number(digits[1:])}" if digits[0] in "-−" else number(digits)


def _date(found: re.Match[str]) -> str:
    return f"{one_by_one(found[1])}年{number(str(int(found[2])))}月{number(str(int(found[3])))}日"


def _time(found: re.Match[str]) -> str:
    hours, minutes = number(str(int(found[1]))), int(found[2])
    if minutes == 0:
        said = f"{hours}点整" if found[3] is None else f"{hours}点零分"
    else:
        said = f"{hours}点{'零' if minutes < 10 else ''}{number(str(minutes))}分"
    return said if found[3] is None else f"{said}{number(str(int(found[3])))}秒"


def _degrees(found: re.Match[str]) -> str:
    below = "零下" if found[1] else ""
    return f"{below}{number(found[2])}{'华氏度' if found[3] == 'F' else '摄氏度'}"


def _measured(found: re.Match[str]) -> str:
    return "两" if found[0] == "2" else number(found[0])


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"(?<![\dA-Za-z])(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", _date),
        (r"(\d{2,4})(?=年(?![以之]?[前后内]))", lambda found: one_by_one(found[1])),
        (r"(?<![\d:])(\d{1,2}):(\d{2})(?::(\d{2}))?(?![\d:])", _time),
        (rf"([-−])?({_NUMBER})\s*°\s*([CF])?", _degrees),
        (rf"([-−]?{_NUMBER})\s*%", lambda found: f"百分之{_signed(found[1])}"),
        (
            rf"([¥$€£])\s*({_NUMBER})([万亿]*)(?:元|块|美元|欧元|英镑)?",
            lambda found: f"{number(found[2])}{found[3]}{_MONEY[found[1]]}",
        ),
        (r"(?<![\d/])(\d{1,4})[/⁄](\d{1,4})(?![\d/])", lambda found: f"{number(found[2])}分之{number(found[1])}"),
        (r"(?<![\dA-Za-z.])(?:1\d{10}|0\d{2,3}-?\d{7,8})(?!\d)", lambda found: one_by_one(found[0].replace("-", ""))),
        (rf"(?<=\d)\s*[-~–—]\s*(?={_NUMBER}(?!\d*-))", lambda found: "到"),
        (rf"({_NUMBER})\s*({_UNIT_NAMES})(?![A-Za-z])", lambda found: f"{number(found[1])}{_UNITS[found[2]]}"),
        (rf"(?<![\dA-Za-z.第])2(?=[{_MEASURES}])(?!月|日|号)", _measured),
        (rf"(?<![\dA-Za-z.])[-−](?={_NUMBER})", lambda found: "负"),
        (rf"(?<![A-Za-z\d.]){_NUMBER}(?!\d|[A-Za-z])", lambda found: number(found[0])),
    )
)
