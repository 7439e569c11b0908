"""How the page looks and reads: languages, themes, sizes, contrast, keyboard."""

from __future__ import annotations

import re
from typing import Any

import pytest
from mock_server import PAGE, Mock

from conftest import ask_on

pytestmark = pytest.mark.browser

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


def test_the_language_is_the_browsers_and_can_be_switched_for_good(open_page: Any) -> None:
    page = open_page(locale="zh-CN")
    assert page.locator(".welcome h2").inner_text() == "今天想做点什么？"
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.get_by_role("button", name="Switch to English").click()
    assert page.locator(".welcome h2").inner_text() == "What can I help you with?"
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.locator("html").get_attribute("lang") == "en"


def test_a_switch_of_language_reaches_messages_and_keeps_the_text(page: Any, ask: Any) -> None:
    ask("hello")
    page.get_by_role("button", name="切换到中文").click()
    assert "AI 生成" in page.locator(".figures").inner_text()
    assert page.locator(".message.assistant .body").inner_text() == "You said: hello"


def test_all_languages_have_the_same_words(page: Any) -> None:
    en, zh = page.evaluate(
        """async () => {
            const words = async (name) => (await import(new URL(`locales/${name}.js`, location.href).href)).default;
            return [await words('en'), await words('zh')];
        }"""
    )
    assert list(en) == list(zh)
    fields = {name: (set(re.findall(r"\{\w+\}", en[name])), set(re.findall(r"\{\w+\}", zh[name]))) for name in en}
    assert [name for name, (one, other) in fields.items() if one != other] == []


def test_every_word_that_is_asked_for_exists() -> None:
    known = set(re.findall(r"^  (\w+):", (PAGE / "locales" / "en.js").read_text(), re.M))
    text = "".join(
        path.read_text() for path in PAGE.rglob("*") if path.suffix in (".js", ".html") and "vendor" not in path.parts
    )
    used = set(re.findall(r"""(?:\bt\(|data-i18n(?:-\w+)?=)"(\w+)\"""", text))
    assert len(used) > 50
    assert used - known == set()


def background(page: Any) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_theme_follows_the_system_and_can_be_chosen_for_good(open_page: Any) -> None:
    page = open_page(color_scheme="dark")
    assert background(page) == "rgb(27, 27, 25)"
    page.get_by_role("button", name="Theme: as the system").click()
    assert background(page) == "rgb(252, 251, 249)"
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert background(page) == "rgb(252, 251, 249)"
    page.get_by_role("button", name="Theme: light").click()
    assert background(page) == "rgb(27, 27, 25)"


def luminance(colour: str) -> float:
    """Relative luminance. Source: WCAG 2.2, definition of "relative luminance"."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


PAIRS = [
    *[
        (text, ground)
        for text in ("text", "soft")
        for ground in ("ground", "panel", "raised", "hover", "bubble", "code")
    ],
    *[("accent", ground) for ground in ("ground", "raised", "accent-soft")],
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("danger", "danger-soft"),
    ("soft", "danger-soft"),
    ("text", "danger-soft"),
]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("pair", PAIRS, ids="-on-".join)
def test_text_has_the_contrast_that_wcag_aa_asks_for(pair: tuple[str, str], scheme: int) -> None:
    css = (PAGE / "css" / "base.css").read_text()
    tokens = {name: (a, b) for name, a, b in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", css)}
    one, other = (luminance(tokens[name][scheme]) for name in pair)
    assert (max(one, other) + 0.05) / (min(one, other) + 0.05) >= 4.5


@pytest.mark.parametrize(("width", "height"), [(360, 640), (390, 844), (820, 1180), (1280, 800), (1600, 1000)])
def test_nothing_sticks_out_at_any_width(open_page: Any, width: int, height: int) -> None:
    page = open_page(viewport={"width": width, "height": height})
    scroller = "document.getElementById('scroller')"
    sides = f"[document.documentElement.scrollWidth, {scroller}.scrollWidth - {scroller}.clientWidth]"
    assert page.evaluate(sides) == [width, 0]
    ask_on(page, "markdown")
    assert page.evaluate(sides) == [width, 0]


def test_on_a_phone_the_list_lies_above_the_page_and_goes_after_a_choice(open_page: Any) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    ask_on(page, "first")
    assert page.locator("#sidebar").get_attribute("inert") is not None
    page.get_by_role("button", name="Show conversations").click()
    assert page.locator("#main").get_attribute("inert") is not None
    page.get_by_role("link", name="first").wait_for()
    page.keyboard.press("Escape")
    assert page.locator("#main").get_attribute("inert") is None


def test_a_thread_follows_its_end_until_the_reader_scrolls_up(page: Any, ask: Any, mock: Mock) -> None:
    mock.chunk_seconds = 0.004
    ask("long", wait=False)
    rest = "(s => s.scrollHeight - s.clientHeight - s.scrollTop)(document.getElementById('scroller'))"
    expect(page.locator(".message.assistant .body")).to_contain_text("number 12")
    page.wait_for_timeout(100)
    assert page.evaluate(rest) < 60
    page.mouse.move(800, 400)
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(400)
    place = page.evaluate("document.getElementById('scroller').scrollTop")
    page.wait_for_timeout(400)
    assert page.evaluate("document.getElementById('scroller').scrollTop") == place
    page.get_by_role("button", name="Go to the end").click()
    page.wait_for_selector(".message.assistant:not(.streaming)")
    page.wait_for_timeout(700)
    assert page.evaluate(rest) < 60


def test_the_keyboard_reaches_everything_and_the_first_stop_is_the_message_field(page: Any, ask: Any) -> None:
    ask("hello")
    skip = page.get_by_role("button", name="Skip to the message field")
    assert page.evaluate("document.querySelector('button, a, input').id") == "skip"
    skip.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "input"
    skip.focus()
    names = []
    for _ in range(24):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent")
        )
    for name in (
        "New chat",
        "hello",
        "More: hello",
        "Model",
        "Settings of this chat",
        "Edit",
        "Copy",
        "Another answer",
        "Message",
    ):
        assert name in names


def test_every_button_and_field_has_a_name(page: Any, ask: Any) -> None:
    ask("markdown")
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select, textarea')]
            .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length || e.ariaHidden))
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []


def test_a_screen_reader_hears_the_beginning_each_block_and_the_end(page: Any, ask: Any) -> None:
    ask("markdown")
    heard = page.locator("#announcer p").all_inner_texts()
    assert heard[0] == "Answering"
    assert "Here is a short overview with code." in heard
    expect(page.locator("#announcer")).to_contain_text("Answer complete")


def test_reduced_motion_is_respected(open_page: Any, mock: Mock) -> None:
    mock.loaded, mock.load_seconds = False, 1.0
    page = open_page(reduced_motion="reduce")
    ask_on(page, "hi", wait=False)
    page.wait_for_selector(".wait .pulse")
    assert page.evaluate("getComputedStyle(document.querySelector('.wait .pulse')).animationName") == "none"


def test_all_modules_are_fetched_at_once() -> None:
    """``modulepreload`` lists exactly what ``main.js`` imports, at any depth."""
    found: set[str] = set()
    waiting = ["main.js"]
    while waiting:
        path = PAGE / waiting.pop()
        name = path.resolve().relative_to(PAGE.resolve()).as_posix()
        if name not in found:
            found.add(name)
            imports = re.findall(r'^import .*?from "(\..*?)";', path.read_text(), re.M)
            waiting += [(path.parent / target).resolve().relative_to(PAGE.resolve()).as_posix() for target in imports]
    listed = re.findall(r'rel="modulepreload" href="(.*?)"', (PAGE / "index.html").read_text())
    assert sorted(found - {"main.js"}) == listed
