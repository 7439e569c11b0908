"""Whatever a model writes is shown as text or harmless markup: nothing runs, nothing is fetched (robustness 21)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mock_server import PAGE, Mock

from conftest import ask_on

pytestmark = pytest.mark.browser

DANGEROUS = "script, img, svg animate, iframe, style, form, input, meta, object, embed, [onclick], [onerror], [style]"


def test_hostile_answers_run_nothing_fetch_nothing_and_leave_no_dangerous_element(open_page: Any, mock: Mock) -> None:
    page = open_page()
    wanted: list[str] = []
    page.on("request", lambda request: wanted.append(request.url))
    answer = ask_on(page, "attack")
    page.wait_for_timeout(500)
    assert page.evaluate("window.pwned") is None
    assert answer.locator(".body").locator(DANGEROUS).count() == 0
    assert [url for url in wanted if not url.startswith(mock.url)] == []
    assert page.url.startswith(mock.url)
    # Hostile markup is shown as what it is: text.
    assert "<script>window.pwned = 1</script>" in answer.locator(".body").inner_text()


def test_links_are_http_only_and_open_without_a_way_back(page: Any, ask: Any) -> None:
    answer = ask("attack")
    links = answer.locator(".body a").evaluate_all("all => all.map(a => [a.getAttribute('href'), a.rel, a.target])")
    assert links == [
        ["https://example.com", "noopener noreferrer", "_blank"],
        ["https://tracker.example/pixel.png", "noopener noreferrer", "_blank"],
        # Bare addresses inside the hostile markup became links of the same kind, or stayed text.
        *[link for link in links[2:] if link[0].startswith("https://evil.example")],
    ]


def test_the_same_holds_while_the_answer_streams(page: Any, ask: Any, mock: Mock) -> None:
    mock.chunk_seconds = 0.02
    answer = ask("attack", wait=False)
    while page.locator(".message.assistant.streaming").count():
        assert answer.locator(".body").locator(DANGEROUS).count() == 0
        page.wait_for_timeout(30)
    assert page.evaluate("window.pwned") is None


def test_hostile_questions_and_titles_are_text(page: Any, ask: Any) -> None:
    ask("<img src=x onerror=window.pwned=1>")
    page.wait_for_timeout(200)
    assert page.evaluate("window.pwned") is None
    assert page.locator(".message.user .body").inner_text() == "<img src=x onerror=window.pwned=1>"
    assert page.locator("#list img").count() == 0


def test_hostile_error_messages_are_text(page: Any, ask: Any) -> None:
    page.route(
        "**/v1/chat/completions",
        lambda route: route.fulfill(status=500, json={"error": {"message": "<b onclick=1>x</b>"}}),
    )
    answer = ask("hi")
    assert "<b onclick=1>x</b>" in answer.get_by_role("alert").inner_text()
    assert answer.locator("b").count() == 0


def test_the_sanitiser_alone_holds_without_the_renderers_help(open_page: Any) -> None:
    """The second fence: raw HTML handed to it as if the Markdown renderer had been fooled."""
    page = open_page()
    html = page.evaluate(
        """async () => {
            const { toFragment } = await import(new URL('markdown/render.js', location.href).href);
            const text = '<a href="javascript:x" onclick="x" style="a">y</a><svg><script>x</script></svg>'
              + '<img src=x onerror=x><b id="input" class="message">t</b><math><mi xlink:href="data:x">z</mi></math>';
            const div = document.createElement('div');
            const raw = {type: 'text', raw: '', text, escaped: true};
            div.append(toFragment([{type: 'paragraph', raw: '', tokens: [raw]}]));
            return div.innerHTML;
        }"""
    )
    assert html == '<p><a target="_blank" rel="noopener noreferrer">y</a>t</p>\n'
    # Chromium reports handlers and styles while the sanitiser parses them in a document of its own.
    assert all("inline" in complaint for complaint in open_page.complaints)
    open_page.complaints.clear()


def test_libraries_are_the_reviewed_ones() -> None:
    tool = Path(__file__).resolve().parents[2] / "tools" / "vendor_page.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_file_of_the_page_names_another_host() -> None:
    ours = [path for path in PAGE.rglob("*") if path.suffix in (".js", ".css", ".html") and "vendor" not in path.parts]
    assert len(ours) > 30
    found = [line for path in ours for line in path.read_text().splitlines() if "http://" in line or "https://" in line]
    # The namespace of SVG, and a comment about link definitions.
    assert [line.strip() for line in found] == [
        '// A definition like "[1]: https://..." changes links further up.',
        'const namespace = "http://www.w3.org/2000/svg";',
    ]
