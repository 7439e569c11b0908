"""A real Chromium, the page, and a server with canned answers behind it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mock_server import Mock, serve

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Started once; every page has a context, and so a storage, of its own."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[dev]'")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with api.sync_playwright() as playwright:
        # Root can't use Chromium's sandbox; the pages that it opens are ours.
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def mock() -> Iterator[Mock]:
    """The server; tests change how it behaves."""
    with serve(Mock()) as running:
        yield running


@pytest.fixture
def open_page(browser: Any, mock: Mock) -> Iterator[Any]:
    """Opens the page in a new context; arguments are Playwright's. Afterwards: no script failed, no policy broken."""
    contexts, complaints = [], []

    def open_it(*, ready: bool = True, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None
        )
        page.goto(mock.url)
        if ready:
            page.wait_for_selector("body[data-ready]")
        return page

    open_it.complaints = complaints  # type: ignore[attr-defined]
    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page: Callable[..., Any]) -> Any:
    """The page in English on a desktop screen."""
    return open_page()


@pytest.fixture
def ask(page: Any) -> Callable[..., Any]:
    """Sends a message; waits for the end of the answer and gives its element."""
    return lambda text, **options: ask_on(page, text, **options)


def ask_on(page: Any, text: str, *, wait: bool = True) -> Any:
    """The same on any page."""
    page.get_by_role("textbox", name="Message").fill(text)
    page.keyboard.press("Enter")
    # Only then is the last answer on the page the one to this message, and not the one before it.
    page.locator(".message.user .body").last.filter(has_text=text[:200]).wait_for()
    answer = page.locator(".message.assistant").last
    if wait:
        page.wait_for_selector(".message.assistant:last-child:not(.streaming)")
    return answer
