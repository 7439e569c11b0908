"""The whole way with a real model: the official client, a killed worker, the seeds' programs, no orphans."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import jsonschema
import openai
import psutil
import pytest

from conftest import Serving

pytestmark = [pytest.mark.models, pytest.mark.slow]


@pytest.fixture
def client(serving: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=serving.base_url, api_key=serving.key, max_retries=0, timeout=120) as client:
        yield client


def test_the_capital_of_france(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "What is the capital of France?"}],
        max_tokens=30,
        temperature=0,
    )
    assert "Paris" in (answer.choices[0].message.content or "")
    assert answer.model == "smollm2-135m-instruct"
    assert (answer.system_fingerprint or "").startswith("openvino-")


def test_a_streamed_answer_is_the_same_as_a_whole_one(client: openai.OpenAI) -> None:
    def ask(stream: bool) -> str:
        request = {
            "model": "tiny",
            "messages": [{"role": "user", "content": "Name three colours."}],
            "max_tokens": 24,
            "temperature": 0,
        }
        if not stream:
            return client.chat.completions.create(**request).choices[0].message.content
        chunks = client.chat.completions.create(**request, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    assert ask(stream=True) == ask(stream=False)


def test_the_same_seed_gives_the_same_text_and_another_seed_another(client: openai.OpenAI) -> None:
    def ask(seed: int) -> str:
        answer = client.completions.create(model="tiny", prompt="Once upon a time", max_tokens=16, seed=seed)
        return answer.choices[0].text

    assert ask(7) == ask(7)
    assert ask(7) != ask(8)


def test_a_seed_repeats_under_eight_noisy_streams_and_for_every_choice(client: openai.OpenAI) -> None:
    def ask(_: int = 0) -> tuple[str | None, ...]:
        answer = client.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": "Invent a name for a boat."}],
            seed=11,
            temperature=1.0,
            max_tokens=8,
            n=2,
        )
        return tuple(choice.message.content for choice in answer.choices)

    leave = threading.Event()

    def noise(number: int) -> None:
        while not leave.is_set():
            with client.completions.create(
                model="tiny", prompt=f"{number}: once upon a time " * number, max_tokens=40, stream=True
            ) as stream:
                for _ in stream:
                    if leave.is_set():
                        return

    alone = {ask() for _ in range(3)}
    with ThreadPoolExecutor(max_workers=16) as pool:
        streams = [pool.submit(noise, number) for number in range(1, 9)]
        try:
            under_load = set(pool.map(ask, range(8)))
        finally:
            leave.set()
        for stream in streams:
            stream.result()
    [texts] = alone
    assert texts[0] != texts[1]
    assert under_load == alone


def test_what_one_engine_can_not_do_another_does(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="tiny",
        messages=[{"role": "user", "content": "Say yes."}],
        max_tokens=4,
        logprobs=True,
        top_logprobs=3,
        temperature=0,
    )
    assert (answer.system_fingerprint or "").startswith("llama_cpp-")
    content = answer.choices[0].logprobs.content
    assert [len(token.top_logprobs) for token in content] == [3] * len(content)
    assert "".join(token.token for token in content).startswith((answer.choices[0].message.content or "")[:1])


def test_json_by_schema(client: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "people": {"type": "integer"}},
        "required": ["city", "people"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model="tiny",
        messages=[{"role": "user", "content": "Describe Paris as JSON."}],
        max_tokens=100,
        temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema, "strict": True}},
    )
    assert answer.choices[0].finish_reason == "stop"
    jsonschema.validate(json.loads(answer.choices[0].message.content or ""), schema)


@pytest.mark.parametrize("reason", [{}, {"logit_bias": {"100": -1}}], ids=["openvino", "llama_cpp"])
def test_a_forced_tool_is_called_by_any_model(client: openai.OpenAI, reason: dict[str, object]) -> None:
    parameters = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}},
        "required": ["city"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model="tiny",
        messages=[{"role": "user", "content": "How is the weather in Paris?"}],
        max_tokens=100,
        temperature=0,
        tools=[{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}],
        tool_choice="required",
        parallel_tool_calls=False,
        **reason,
    )
    (call,) = answer.choices[0].message.tool_calls or []
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"
    jsonschema.validate(json.loads(call.function.arguments), parameters)


def test_a_prompt_over_the_context_is_refused_with_both_numbers(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model="tiny", prompt="river " * 9000, max_tokens=5)
    assert caught.value.code == "context_length_exceeded"
    assert "8192" in str(caught.value)


def test_embeddings_put_equal_meanings_of_two_languages_together(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(
        model="text-embedding-3-small", input=["a red fox in the snow", "雪地里的红狐狸", "quarterly tax report"]
    )
    fox, chinese_fox, tax = (item.embedding for item in answer.data)

    def cosine(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert len(fox) == 384
    assert cosine(fox, fox) == pytest.approx(1.0, abs=1e-3)
    assert cosine(fox, chinese_fox) > cosine(fox, tax) + 0.05


def test_kill_9_of_the_worker_in_the_middle_of_a_stream(client: openai.OpenAI, serving: Serving) -> None:
    def kill_after_three() -> None:
        request = {"model": "tiny", "prompt": "Once", "max_tokens": 2000, "extra_body": {"ignore_eos": True}}
        for seen, _ in enumerate(client.completions.create(**request, stream=True)):
            if seen == 3:
                for worker in serving.workers():
                    os.kill(worker.pid, signal.SIGKILL)

    with pytest.raises(openai.APIError) as caught:
        kill_after_three()
    assert caught.value.code == "worker_died"
    answer = client.completions.create(model="tiny", prompt="Once", max_tokens=2)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 2


def test_the_program_of_the_seed_document_as_the_legacy_sdk_sends_it(serving: Serving) -> None:
    """``openai.Completion.create(engine="text-davinci-002", ...)`` of openai==0.28.1, request for request."""
    body = {
        "prompt": "What is the capital of France?",
        "max_tokens": 10,
        "n": 1,
        "stop": None,
        "temperature": 0.5,
    }
    answer = httpx.post(
        f"{serving.base_url}/engines/text-davinci-002/completions",
        json=body,
        headers={"Authorization": f"Bearer {serving.key}"},
        timeout=60,
    )
    assert answer.status_code == 200
    assert answer.json()["object"] == "text_completion"
    (choice,) = answer.json()["choices"]
    assert set(choice) == {"text", "index", "logprobs", "finish_reason"}
    assert choice["finish_reason"] in ("stop", "length")


def test_the_command_line_finds_the_running_server_by_itself(serving: Serving) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIGC_")}
    environment |= {"AIGC_HOME": str(serving.home)}
    question = ["--max-tokens", "20", "What is the capital of France?"]
    answer = subprocess.run(
        [sys.executable, "-m", "aigc", "chat", "-m", "tiny", "--temperature", "0", "--json", *question],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert "Paris" in answer.stdout
    before = {worker.pid for worker in serving.workers()}
    assert before, "the server's worker answered, no other process"


def test_a_killed_server_leaves_no_worker(models_home: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIGC_")}
    environment |= {"AIGC_HOME": str(tmp_path), "AIGC_API_KEY": "sk-test-0123456789abcdef"}
    (tmp_path / "models").symlink_to(models_home / "models")
    process = subprocess.Popen(
        [sys.executable, "-m", "aigc", "serve", "--no-pull", "--port", "0", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    start = json.loads(process.stdout.readline())
    headers = {"Authorization": "Bearer sk-test-0123456789abcdef"}
    body = {"model": "tiny", "prompt": "Once", "max_tokens": 1}
    assert httpx.post(f"{start['base_url']}/completions", json=body, headers=headers, timeout=60).status_code == 200
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 5
    while any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers):
        assert time.monotonic() < deadline, "a worker outlived its server"
        time.sleep(0.05)
