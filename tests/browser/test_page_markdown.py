"""Streaming Markdown: the end result is that of rendering once, finished blocks are left alone, nothing flickers."""

from __future__ import annotations

from typing import Any

import pytest
from mock_server import ATTACK, MARKDOWN

pytestmark = pytest.mark.browser

NESTED = """Text with *emphasis*, **strong**, `code` and ~~gone~~.
Second line.

- one
  - deeper

    paragraph in an item
- [x] done

  ```js
  const a = "```";
  ```

Heading
-------

~~~
fence with ``` inside
~~~

1. a

2. b
[ref]: https://example.com/ref
See [it][ref].

中文**加粗**，然后是 `代码`。

| 列 | 值 |
|:--|--:|
| a | 1<br>2 |
"""

STREAM = """async ({text, step}) => {
    const { MarkdownStream } = await import(new URL('markdown/stream.js', location.href).href);
    const make = () => document.body.appendChild(document.createElement('div'));
    const once = make(), grown = make();
    new MarkdownStream(once).finish(text);
    const stream = new MarkdownStream(grown);
    for (let end = step; end < text.length; end += step) {
        stream.update(text.slice(0, end));
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    }
    stream.finish(text);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return [once.innerHTML, grown.innerHTML];
}"""


@pytest.mark.parametrize("text", [MARKDOWN, NESTED, ATTACK], ids=["usual", "nested", "hostile"])
@pytest.mark.parametrize("step", [3, 17])
def test_a_streamed_text_ends_up_as_if_rendered_once(page: Any, text: str, step: int) -> None:
    once, grown = page.evaluate(STREAM, {"text": text, "step": step})
    assert grown == once
    assert len(once) > len(text) / 2


def test_finished_blocks_are_never_touched_again(page: Any) -> None:
    changes = page.evaluate(
        """async () => {
            const { MarkdownStream } = await import(new URL('markdown/stream.js', location.href).href);
            const div = document.body.appendChild(document.createElement('div'));
            const stream = new MarkdownStream(div);
            const painted = (done) => requestAnimationFrame(() => setTimeout(done));
            const frame = () => new Promise((done) => setTimeout(() => painted(done), 30));
            stream.update('First paragraph.\\n\\n- a\\n- b\\n\\nThird');
            await frame();
            const [first, list] = div.children;
            let touched = 0;
            const all = {subtree: true, childList: true, characterData: true};
            const watch = new MutationObserver((records) => (touched += records.length));
            for (const node of [first, list]) watch.observe(node, all);
            for (let i = 0; i < 20; i += 1) {
                stream.update('First paragraph.\\n\\n- a\\n- b\\n\\nThird' + ' and more'.repeat(i));
                await frame();
            }
            stream.finish('First paragraph.\\n\\n- a\\n- b\\n\\nThird' + ' and more'.repeat(20));
            await frame();
            return [touched, div.children[0] === first && div.children[1] === list, div.children[2].textContent.length];
        }"""
    )
    assert changes == [0, True, 185]


@pytest.mark.parametrize(
    ("half", "shown"),
    [
        ("Here is **bo", "Here is **bo**"),
        ("Here is **", "Here is "),
        ("Here is `co", "Here is `co`"),
        ("See [the page](https://exam", "See the page"),
        ("See [the pa", "See the pa"),
        ("A list:\n-", "A list:\n"),
        ("A list:\n1", "A list:\n"),
        ("Intro\n\n| a | b |", "Intro\n\n"),
        ("Intro\n\n| a | b |\n|--", "Intro\n\n"),
        ("| a | b |\n|---|---|\n| 1", "| a | b |\n|---|---|\n| 1"),
        ("Code:\n```py", "Code:\n"),
        ("complete.", "complete."),
        ("2 * 3 * 4", "2 * 3 * 4"),
    ],
)
def test_half_written_marks_are_not_shown(page: Any, half: str, shown: str) -> None:
    settle = "async (text) => (await import(new URL('markdown/settle.js', location.href).href)).settle(text)"
    assert page.evaluate(settle, half) == shown


def test_code_gets_its_colours_only_from_the_language_that_it_needs(page: Any, ask: Any) -> None:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url.rsplit("/", 1)[1]))
    answer = ask("markdown")
    answer.locator("pre .hljs-keyword").first.wait_for()
    assert [name for name in loaded if name.endswith(".js")] == ["core.js", "python.js"]


def test_a_very_long_answer_is_drawn_within_a_bounded_share_of_the_time(page: Any) -> None:
    """One huge block, the worst case: 200 kB of list, 200 updates."""
    share = page.evaluate(
        """async () => {
            const { MarkdownStream } = await import(new URL('markdown/stream.js', location.href).href);
            const div = document.body.appendChild(document.createElement('div'));
            const stream = new MarkdownStream(div);
            const all = '- an item with **some** text in it\\n'.repeat(6000);
            const start = performance.now();
            let idle = 0;
            for (let end = 1000; end <= all.length; end += 1000) {
                stream.update(all.slice(0, end));
                const before = performance.now();
                await new Promise((resolve) => setTimeout(resolve, 10));
                idle += Math.min(performance.now() - before, 12);
            }
            return idle / (performance.now() - start);
        }"""
    )
    assert share > 0.25
