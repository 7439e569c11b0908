"""The page in a real browser: asking, stopping, keeping, and what happens when things go wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from mock_server import KEY, Mock, serve

from conftest import ask_on

pytestmark = pytest.mark.browser

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

BODY = ".message.assistant .body"


def test_an_answer_streams_and_carries_its_figures_and_mark(page: Any, ask: Any) -> None:
    answer = ask("hello there, how are you today?")
    assert answer.locator(".body").inner_text() == "You said: hello there, how are you today?"
    figures = answer.locator(".figures").inner_text()
    assert "AI-generated" in figures
    assert "qwen2.5-coder-1.5b-instruct" in figures
    assert "11 tokens" in figures
    assert re.search(r"\d+\.\d tokens/s", figures)
    assert re.search(r"first after \d\.\d\d s", figures)
    assert answer.get_attribute("data-ai-generated") == "true"


def test_the_request_is_what_the_api_expects_and_nothing_is_sent_that_was_not_set(ask: Any, mock: Mock) -> None:
    ask("hi")
    assert mock.bodies == [
        {
            "model": "default",
            "messages": [{"role": "user", "content": "hi"}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


def test_text_is_shown_before_the_answer_is_complete(page: Any, ask: Any, mock: Mock) -> None:
    mock.chunk_seconds = 0.05
    ask("long", wait=False)
    expect(page.locator(BODY)).to_contain_text("Paragraph number 0")
    assert page.locator(".message.assistant.streaming").count() == 1


def test_stop_keeps_what_has_come_marks_it_and_frees_the_server(page: Any, ask: Any, mock: Mock) -> None:
    mock.chunk_seconds = 0.05
    answer = ask("long", wait=False)
    expect(page.locator(BODY)).to_have_text(re.compile(r"[\s\S]{20}"))
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector(".mark.stopped")
    assert answer.locator(".body").inner_text().startswith("Paragraph number 0")
    assert "Stopped" in answer.locator(".figures").inner_text()
    page.wait_for_timeout(300)
    assert mock.left == 1
    assert page.get_by_role("button", name="Send", exact=True).is_visible()


def test_escape_stops_an_answer(page: Any, ask: Any, mock: Mock) -> None:
    mock.chunk_seconds = 0.05
    ask("long", wait=False)
    expect(page.locator(BODY)).to_have_text(re.compile(r"[\s\S]{20}"))
    page.keyboard.press("Escape")
    page.wait_for_selector(".mark.stopped")


def test_a_reload_keeps_the_conversation_open(page: Any, ask: Any) -> None:
    ask("remember me")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.locator(".message.user .body").inner_text() == "remember me"
    assert page.locator(".message.assistant .body").inner_text() == "You said: remember me"
    assert page.locator("[aria-current=page]").inner_text() == "remember me"


def test_a_page_that_is_closed_in_mid_answer_keeps_the_part_that_came(page: Any, ask: Any, mock: Mock) -> None:
    mock.chunk_seconds = 0.05
    ask("long", wait=False)
    expect(page.locator(BODY)).to_have_text(re.compile(r"[\s\S]{100}"))
    page.reload()
    page.wait_for_selector(".mark.stopped")
    assert page.locator(".message.assistant .body").inner_text().startswith("Paragraph number 0")


def test_an_answer_goes_on_while_another_conversation_is_open(page: Any, ask: Any, mock: Mock) -> None:
    mock.chunk_seconds = 0.03
    ask("one two three four five six seven eight", wait=False)
    page.wait_for_selector(".message.assistant.streaming")
    page.get_by_role("button", name="New chat").first.click()
    ask("second")
    page.get_by_role("link", name="one two three").click()
    # By its text: until the page has changed, the finished answer of the other conversation is there.
    page.wait_for_selector(".message.assistant:not(.streaming) .body:has-text('seven eight')")
    assert page.locator(".message.assistant .body").inner_text() == "You said: one two three four five six seven eight"


def test_a_click_into_the_list_is_not_lost_when_an_answer_ends_under_it(page: Any, ask: Any, mock: Mock) -> None:
    ask("first")
    page.get_by_role("button", name="New chat").first.click()
    mock.chunk_seconds = 0.03
    ask("one two three four five six seven eight", wait=False)
    page.get_by_role("link", name="first").hover()
    page.mouse.down()
    page.wait_for_selector(".message.assistant:not(.streaming)")
    expect(page.locator("#list .pulse")).to_have_count(0)
    page.mouse.up()
    expect(page.locator(".message.user .body")).to_have_text("first")


def test_an_answer_that_ends_while_its_conversation_is_opened_is_whole(page: Any) -> None:
    """The page's own state, with a storage whose answers the test holds back."""
    shown = page.evaluate(
        """async () => {
          const { Chats } = await import("/chats.js");
          const { DEFAULTS } = await import("/conversation.js");
          const gate = () => {
            let open;
            const held = new Promise((resolve) => (open = resolve));
            return { held, open };
          };
          const [reading, writing] = [gate(), gate()];
          const stored = new Map();
          const put = async (message) => void stored.set(message.id, structuredClone(message));
          const storage = {
            conversations: async () => [],
            putConversation: async () => {},
            putMessage: put,
            messages: async () => {
              const then = structuredClone([...stored.values()]);
              await reading.held;
              return then;
            },
          };
          const api = {
            chat: async function* () {
              yield { choices: [{ delta: { content: "half " } }] };
              await writing.held;
              yield { choices: [{ delta: { content: "and half" }, finish_reason: "stop" }] };
            },
          };
          const chats = new Chats(storage, api, { ...DEFAULTS });
          const asked = chats.send("hello");
          await new Promise((resolve) => setTimeout(resolve, 50));
          const { id } = chats.current;
          await chats.open(null);
          const opening = chats.open(id);
          writing.open();
          await asked;
          reading.open();
          await opening;
          return chats.branch.map(({ content, status }) => [content, status]);
        }"""
    )
    assert shown[1] == ["half and half", "complete"]


def test_earlier_turns_go_along_and_settings_are_sent(page: Any, ask: Any, mock: Mock) -> None:
    page.get_by_role("button", name="Settings of this chat").click()
    page.get_by_label("Instructions (system prompt)").fill("Be brief.")
    page.get_by_label("Temperature").fill("0.7")
    page.get_by_label("Top P").fill("0,9")
    page.get_by_label("Longest answer, in tokens").fill("64")
    page.get_by_label("Seed").fill("7")
    page.get_by_role("button", name="Close").click()
    ask("one")
    ask("two")
    assert mock.bodies[1]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "You said: one"},
        {"role": "user", "content": "two"},
    ]
    sent = {name: mock.bodies[1][name] for name in ("temperature", "top_p", "max_tokens", "seed")}
    assert sent == {"temperature": 0.7, "top_p": 0.9, "max_tokens": 64, "seed": 7}


def test_a_setting_out_of_range_is_said_and_not_taken(page: Any, ask: Any, mock: Mock) -> None:
    page.get_by_role("button", name="Settings of this chat").click()
    page.get_by_label("Temperature").fill("3")
    assert page.get_by_text("A number from 0 to 2").is_visible()
    page.keyboard.press("Escape")
    ask("hi")
    assert "temperature" not in mock.bodies[0]


def test_only_chat_models_are_offered_and_the_chosen_one_is_asked(page: Any, ask: Any, mock: Mock) -> None:
    page.wait_for_selector("#model option:nth-child(2)", state="attached")
    names = page.locator("#model option").all_inner_texts()
    assert names == ["qwen2.5-coder-1.5b-instruct (default)", "smollm2-135m-instruct"]
    page.get_by_label("Model").select_option("smollm2-135m-instruct")
    ask("hi")
    assert mock.bodies[0]["model"] == "smollm2-135m-instruct"


def test_an_edited_question_is_asked_anew_and_the_old_one_stays_reachable(page: Any, ask: Any, mock: Mock) -> None:
    ask("first")
    page.locator(".message.user").hover()
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Edit your message").fill("second")
    page.get_by_role("button", name="Send again").click()
    expect(page.locator(BODY)).to_have_text("You said: second")
    assert mock.bodies[1]["messages"] == [{"role": "user", "content": "second"}]
    page.wait_for_selector(".message.assistant:not(.streaming)")
    page.locator(".message.user").hover()
    page.get_by_role("button", name="Previous version").click()
    expect(page.locator(BODY)).to_have_text("You said: first")


def test_another_answer_is_a_second_version(page: Any, ask: Any, mock: Mock) -> None:
    ask("again")
    page.get_by_role("button", name="Another answer").click()
    page.wait_for_selector(".versions")
    assert page.locator(".message.assistant .versions").inner_text().replace("\n", "") == "2/2"
    assert len(mock.bodies) == 2
    assert mock.bodies[0]["messages"] == mock.bodies[1]["messages"]


def test_copy_puts_the_answer_on_the_clipboard(open_page: Any) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    answer = ask_on(page, "markdown")
    answer.locator(".code-copy").click()
    code = page.evaluate("navigator.clipboard.readText()")
    assert code.startswith("def greet(name: str) -> str:\n    # say hello\n")
    answer.locator('[data-action="copy"]').click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("Here is a **short** overview")


def test_conversations_can_be_renamed_searched_deleted_and_brought_back(page: Any, ask: Any) -> None:
    ask("apples are green")
    page.get_by_role("button", name="New chat").first.click()
    ask("bananas are yellow")
    page.get_by_role("button", name="More: bananas are yellow").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("Rename").fill("Fruit")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Fruit").wait_for()
    page.get_by_label("Search conversations").fill("YELLOW")
    page.get_by_role("link", name="apples are green").wait_for(state="detached")
    assert page.locator("#list a").all_inner_texts() == ["Fruit"]
    page.get_by_label("Search conversations").fill("")
    page.get_by_role("button", name="More: Fruit").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Fruit").wait_for(state="detached")
    assert page.get_by_text("What can I help you with?").is_visible()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name="Fruit").click()
    assert page.locator(".message.user .body").inner_text() == "bananas are yellow"


def test_exports_say_which_text_a_model_wrote(page: Any, ask: Any, tmp_path: Path) -> None:
    ask("export me")
    texts = {}
    for name, item in (("md", "Export as Markdown"), ("json", "Export as JSON")):
        page.get_by_role("button", name="More: export me").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=item).click()
        assert download.value.suggested_filename == f"export me.{name}"
        download.value.save_as(tmp_path / name)
        texts[name] = (tmp_path / name).read_text()
    assert "## Answer · AI-generated · qwen2.5-coder-1.5b-instruct\n\nYou said: export me\n" in texts["md"]
    messages = json.loads(texts["json"])["conversations"][0]["messages"]
    assert [message.get("ai_generated") for message in sorted(messages, key=lambda m: m["createdAt"])] == [None, True]


def test_enter_sends_shift_enter_breaks_the_line(page: Any, mock: Mock) -> None:
    field = page.get_by_role("textbox", name="Message")
    field.press_sequentially("one")
    field.press("Shift+Enter")
    field.press_sequentially("two")
    field.press("Enter")
    page.wait_for_selector(".message.user")
    assert page.locator(".message.user .body").inner_text() == "one\ntwo"


def test_enter_that_ends_an_input_methods_composition_does_not_send(page: Any, mock: Mock) -> None:
    page.get_by_role("textbox", name="Message").focus()
    session = page.context.new_cdp_session(page)
    session.send("Input.imeSetComposition", {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6})
    page.keyboard.press("Enter")
    assert page.locator(".message").count() == 0
    session.send("Input.insertText", {"text": "你好"})
    # Safari's order: the composition has ended already, only the key code 229 tells.
    page.evaluate(
        """document.activeElement.dispatchEvent(
            new KeyboardEvent('keydown', {key: 'Enter', keyCode: 229, bubbles: true, cancelable: true})
        )"""
    )
    assert page.locator(".message").count() == 0
    assert "你好" in page.locator("#input").input_value()
    page.locator("#input").fill("你好")
    page.keyboard.press("Enter")
    page.wait_for_selector(".message.user")
    assert page.locator(".message.user .body").inner_text() == "你好"


def test_the_first_examples_are_one_click_to_an_answer(page: Any, mock: Mock) -> None:
    page.get_by_role("button", name="Answer a customer").click()
    page.wait_for_selector(".message.assistant:not(.streaming)")
    assert "order 48213" in mock.bodies[0]["messages"][0]["content"]


# ---------------------------------------------------------------- keys


def test_without_a_key_a_panel_asks_for_one_and_never_stores_it(open_page: Any, mock: Mock) -> None:
    mock.locked = True
    page = open_page()
    panel = page.get_by_role("dialog", name="Key needed")
    panel.wait_for()
    panel.get_by_label("Key", exact=True).fill("wrong-key-0123456789")
    page.keyboard.press("Enter")
    panel.get_by_text("This key was not accepted.").wait_for()
    panel.get_by_label("Key", exact=True).fill(KEY)
    page.keyboard.press("Enter")
    panel.wait_for(state="hidden")
    assert ask_on(page, "hi").locator(".body").inner_text() == "You said: hi"
    stored = page.evaluate(
        "JSON.stringify({...localStorage, ...sessionStorage}) + document.cookie + document.body.innerHTML"
    )
    assert KEY not in stored
    assert page.locator("#login-key").input_value() == ""


def test_a_session_that_ends_asks_for_the_key_and_then_sends_the_message(page: Any, ask: Any, mock: Mock) -> None:
    mock.locked = True
    answer = ask("still here?", wait=False)
    page.get_by_role("dialog", name="Key needed").get_by_label("Key", exact=True).fill(KEY)
    page.keyboard.press("Enter")
    page.wait_for_selector(".message.assistant:not(.streaming)")
    assert answer.locator(".body").inner_text() == "You said: still here?"


def test_not_now_leaves_an_error_and_a_way_to_try_again(page: Any, ask: Any, mock: Mock) -> None:
    mock.locked = True
    answer = ask("hi", wait=False)
    page.get_by_role("button", name="Not now").click()
    answer.get_by_text("A key is needed").wait_for()
    mock.locked = False
    answer.get_by_role("button", name="Try again").click()
    expect(page.locator(BODY)).to_have_text("You said: hi")


def test_log_out_ends_the_session(open_page: Any, mock: Mock) -> None:
    mock.locked = True
    page = open_page()
    page.get_by_label("Key", exact=True).fill(KEY)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Log out").click()
    page.get_by_text("You are logged out.").wait_for()
    assert page.context.cookies() == []


# ---------------------------------------------------------------- what goes wrong


def test_an_error_is_told_in_the_servers_words_with_its_hint(ask: Any) -> None:
    answer = ask("too long")
    words = answer.get_by_role("alert").inner_text()
    assert "This conversation is too long for the model" in words
    assert "the prompt has 9000 tokens, the context 8192" in words
    assert "shorten the prompt" in words


def test_an_error_event_in_mid_stream_keeps_the_text(ask: Any) -> None:
    answer = ask("dies in mid-stream")
    assert answer.locator(".body").inner_text() == "You said: di"
    words = answer.get_by_role("alert").inner_text()
    assert "The model stopped unexpectedly" in words
    assert "send the request again" in words


def test_a_server_that_vanishes_in_mid_stream_keeps_the_text(page: Any, ask: Any, mock: Mock) -> None:
    answer = ask("vanishes in mid-stream", wait=False)
    page.wait_for_selector(".message.assistant .body:has-text('You said: va')")
    mock.vanishes = True
    page.wait_for_selector(".message.assistant:last-child:not(.streaming)")
    assert answer.locator(".body").inner_text() == "You said: va"
    assert "The connection broke before the answer was complete" in answer.get_by_role("alert").inner_text()
    page.reload()
    page.wait_for_selector(".failure")
    assert page.locator(".message.assistant .body").inner_text() == "You said: va"


def test_a_busy_server_is_tried_again_when_it_said_so(page: Any, ask: Any) -> None:
    answer = ask("busy")
    button = answer.get_by_role("button", name="Try again")
    assert "The server is busy" in answer.get_by_role("alert").inner_text()
    assert re.fullmatch(r"Try again in [12] s", button.inner_text())
    assert button.is_disabled()
    page.wait_for_selector(".failure button:enabled")
    button.click()
    expect(page.locator(BODY)).to_have_text("You said: busy")
    assert page.locator(".message.assistant").count() == 1


def test_a_server_that_is_away_is_noticed_and_so_is_its_return(open_page: Any, mock: Mock) -> None:
    with serve(Mock()) as other:
        page = open_page()
        page.goto(other.url)
        page.wait_for_selector("body[data-ready]")
    port = int(other.url.rstrip("/").rsplit(":", 1)[1])
    answer = ask_on(page, "anybody there?")
    assert "The server does not answer" in answer.get_by_role("alert").inner_text()
    page.locator("#banner").wait_for(state="visible")
    with serve(Mock(), port):
        page.locator("#banner").wait_for(state="hidden")
        answer.get_by_role("button", name="Try again").click()
        expect(page.locator(BODY)).to_have_text("You said: anybody there?")


def test_a_model_that_is_loading_is_named_as_the_reason_to_wait(open_page: Any, mock: Mock) -> None:
    mock.loaded = False
    mock.load_seconds = 1.0
    page = open_page()
    page.wait_for_selector("#model option:nth-child(2)", state="attached")
    ask_on(page, "hi", wait=False)
    page.get_by_text("Loading the model").wait_for()
    page.wait_for_selector(".message.assistant:not(.streaming)")
    assert page.get_by_text("Loading the model").count() == 0


def test_an_answer_that_was_cut_at_the_limit_says_so(page: Any, ask: Any) -> None:
    page.get_by_role("button", name="Settings of this chat").click()
    page.get_by_label("Longest answer, in tokens").fill("1")
    page.keyboard.press("Escape")
    assert "longest length" in ask("hi").inner_text()
