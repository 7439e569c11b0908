from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from texts import all_texts

from aigc import i18n, settings


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_every_text_has_its_chinese_and_no_entry_is_stale() -> None:
    texts, table = all_texts(), set(i18n.chinese())
    assert texts - table == set(), "add these to src/aigc/locale/zh.toml"
    assert table - texts == set(), "nothing shows these any more"


def test_both_languages_have_the_same_placeholders() -> None:
    assert [en for en, zh in i18n.chinese().items() if placeholders(en) != placeholders(zh)] == []


def test_the_chinese_side_is_chinese() -> None:
    same = {en for en, zh in i18n.chinese().items() if not re.search(r"[\u4e00-\u9fff]", zh)}
    assert same == {"Ctrl-C", "Y/n", "`aigc pull default`", "{name}: {problem}"}


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "AIGC_LANG": "en"}, "en"),
        ({"AIGC_LANG": "zh"}, "zh"),
        ({"AIGC_PORT": "no number", "LANG": "zh_CN"}, "zh"),
    ],
)
def test_setting_then_locale_choose_the_language(tmp_path, environ: dict[str, str], language: str) -> None:
    assert settings.language({"AIGC_HOME": str(tmp_path), **environ}) == language


def test_the_file_of_settings_chooses_before_the_locale(tmp_path) -> None:
    (tmp_path / "aigc.toml").write_text('lang = "zh"')
    assert settings.language({"AIGC_HOME": str(tmp_path), "LANG": "en_US.UTF-8"}) == "zh"


def test_another_language_is_refused(tmp_path) -> None:
    with pytest.raises(settings.UserError, match="lang is 'fr'; accepted: en, zh"):
        settings.load({"AIGC_HOME": str(tmp_path), "AIGC_LANG": "fr"})


def test_help_and_errors_speak_chinese(tmp_path) -> None:
    environ = {**os.environ, "AIGC_HOME": str(tmp_path), "LC_ALL": "zh_CN.UTF-8", "PYTHONUTF8": "1"}
    environ.pop("AIGC_LANG", None)
    command = [sys.executable, "-m", "aigc", "chat"]
    found = subprocess.run([*command, "--help"], env=environ, capture_output=True, text=True, check=True)
    assert found.stdout.startswith("用法： aigc chat")
    assert "  --seed <int>           相同的数得到相同的回答。\n" in found.stdout
    found = subprocess.run([*command, "--no-such"], env=environ, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == "错误： 没有选项 --no-such；您是不是想用 --no-stream？\n提示： 用法见 `aigc chat --help`\n"
