"""The documents say what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_reference_pages_are_fresh() -> None:
    answer = subprocess.run(
        [sys.executable, "tools/write_reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


def test_the_tree_in_architecture_lists_every_package_and_nothing_else() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    tree = text.split("```text\n")[1].split("```")[0]
    listed = set(re.findall(r"^  ([a-z_0-9]+(?:\.py|/))", tree, flags=re.MULTILINE))
    package = ROOT / "src" / "aigc"
    folders = {f"{path.name}/" for path in package.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert listed == folders | {path.name for path in package.glob("*.py") if path.name != "__main__.py"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_of_the_project_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert missing == []


def test_every_command_that_the_makefile_lists_does_something() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = re.findall(r"^#   make ([a-z-]+(?: \| [a-z-]+)*)  ", text, re.MULTILINE)
    for name in " | ".join(listed).split(" | "):
        assert re.search(rf"^{name}:.*\n\t", text, re.MULTILINE), f"`make {name}` has no recipe"
    assert "conformance" in listed


def test_both_readmes_show_the_two_commands_and_the_same_headings() -> None:
    english = (ROOT / "README.md").read_text(encoding="utf-8")
    chinese = (ROOT / "README.zh.md").read_text(encoding="utf-8")
    for text in (english, chinese):
        assert "make run" in text
        assert "make test" in text
    assert len(re.findall(r"^## ", english, re.MULTILINE)) == len(re.findall(r"^## ", chinese, re.MULTILINE))
