"""The guides in both languages name only what exists."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aigc.cli import commands
from aigc.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
ENGLISH = DOCS / "guides"
CHINESE = ENGLISH / "zh"
PAGES = sorted([*ENGLISH.glob("*.md"), *CHINESE.glob("*.md")])
NAMES = sorted(page.name for page in ENGLISH.glob("*.md"))

READ_ELSEWHERE = {"AIGC_CONFIG"}
"""Names the settings file itself, so it is no field of Settings."""


def code_blocks(page: Path) -> list[tuple[str, str]]:
    """(language, content) of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


OPERATORS = frozenset("|&;()<>")


def calls(page: Path) -> Iterator[list[str]]:
    """The arguments of every ``aigc`` that a shell block runs."""
    for language, content in code_blocks(page):
        if language == "bash":
            for line in content.replace("\\\n", " ").splitlines():
                yield from calls_in(line)


def calls_in(line: str) -> Iterator[list[str]]:
    """The same for one line; ``aigc`` as an argument, such as the name of a user, is no call."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    before: list[str] = []
    arguments: list[str] | None = None
    for word in [*lexer, ";"]:
        if set(word) <= OPERATORS:
            if arguments is not None:
                yield arguments
            before, arguments = [], None
        elif arguments is not None:
            arguments.append(word)
        elif word.endswith("/bin/aigc") or (word == "aigc" and all("=" in other for other in before)):
            arguments = []
        else:
            before.append(word)


def command_of(words: list[str]) -> Any:
    """The command that ``words`` call; raises KeyError for one that does not exist."""
    name, *rest = words
    if name not in commands.PLACES:
        raise KeyError(name)
    found = commands.load(name)
    while hasattr(found, "commands"):
        found, rest = found.commands[rest[0]], rest[1:]
    return found


def wrong_words(words: list[str]) -> list[str]:
    """What is no command, and options that the command does not have."""
    if not words or words[0].startswith("-"):
        return [word for word in words if word not in ("--help", "-h", "--version", "--debug")]
    try:
        found = command_of(words)
    except (KeyError, IndexError):
        return words
    known = {"--help", "-h"}.union(*(parameter.opts + parameter.secondary_opts for parameter in found.params))
    return [word for word in words if re.match(r"--?[a-z]", word) and word.split("=")[0] not in known]


def test_both_languages_have_the_same_guides() -> None:
    assert NAMES == [
        "air-gapped.md",
        "clients.md",
        "conversation.md",
        "models.md",
        "operate.md",
        "pictures.md",
        "python.md",
        "quickstart.md",
        "remote-servers.md",
        "restore.md",
        "scenes.md",
        "texts.md",
        "train-pictures.md",
        "voice.md",
    ]
    assert sorted(page.name for page in CHINESE.glob("*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_code_blocks_in_the_same_order(name: str) -> None:
    english, chinese = code_blocks(ENGLISH / name), code_blocks(CHINESE / name)
    assert [language for language, _ in english] == [language for language, _ in chinese]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_command_and_option_in_a_shell_block_exists(page: Path) -> None:
    assert {" ".join(words): wrong_words(words) for words in calls(page) if wrong_words(words)} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_variable_is_a_setting(page: Path) -> None:
    known = {f"AIGC_{field.name.upper()}" for field in dataclasses.fields(Settings)} | READ_ELSEWHERE
    assert set(re.findall(r"AIGC_[A-Z_]+\b", page.read_text(encoding="utf-8"))) - known == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_python_blocks_compile(page: Path) -> None:
    for language, content in code_blocks(page):
        if language == "python":
            compile(content, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_settings_files_in_the_guides_can_be_read(page: Path, tmp_path: Path) -> None:
    from aigc import settings

    for number, content in enumerate(text for language, text in code_blocks(page) if language == "toml"):
        path = tmp_path / f"{number}.toml"
        path.write_text(content, encoding="utf-8")
        settings.load({"AIGC_HOME": str(tmp_path), "AIGC_CONFIG": str(path), "LAB_KEY": "x"})


def test_the_index_links_to_every_guide() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"(guides/{name})" not in index or f"(guides/zh/{name})" not in index] == []


def test_an_option_that_does_not_exist_is_found() -> None:
    line = "X=1 aigc serve --no-such & sudo -u aigc env A=b /opt/aigc/bin/aigc keys create me | cut -c1-60"
    assert list(calls_in(line)) == [["serve", "--no-such"], ["keys", "create", "me"]]
    assert wrong_words(["serve", "--no-such", "--port", "0"]) == ["--no-such"]
    assert wrong_words(["keys", "creat"]) == ["keys", "creat"]
    assert wrong_words(["keys", "create", "--json"]) == []
