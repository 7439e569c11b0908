"""The whole way of a picture: the official client, a real `aigc serve`, its worker, the renderer as the model."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import psutil
import pytest
from PIL import Image

from aigc.pictures.metadata import read_facts

KEY = "sk-test-0123456789abcdef"


@dataclass
class Serving:
    url: str
    process: subprocess.Popen[str]
    http: httpx.Client

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def running(self) -> int:
        return sum(worker["running"] for worker in self.http.get("/v1/status").json()["workers"])


@contextlib.contextmanager
def serve(home: Path) -> Iterator[Serving]:
    """Without any installed model: the renderer comes with the package."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIGC_")}
    environment |= {"AIGC_HOME": str(home), "AIGC_API_KEY": KEY}
    process = subprocess.Popen(
        [sys.executable, "-m", "aigc", "serve", "--no-pull", "--port", "0", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"].rstrip("/")
        headers = {"authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=120) as http:
            yield Serving(url, process, http)
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serve(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def client(serving: Serving) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{serving.url}/v1", api_key=KEY, max_retries=0, timeout=120) as made:
        yield made


def painted(client: openai.OpenAI, prompt: str, **more: Any) -> bytes:
    extra = {"seed": more.pop("seed", 7)}
    done = client.images.generate(model="aigc-scenes", prompt=prompt, extra_body=extra, **{"size": "128x128", **more})
    assert done.data is not None
    return base64.b64decode(done.data[0].b64_json or "")


def pixels(file: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image.convert("RGB")).astype(float)


def wait_for(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


LONG = {"model": "aigc-scenes", "prompt": "a lake under mountains", "size": "1024x1024", "n": 10, "seed": 1}


def test_the_same_seed_gives_the_same_file_and_another_seed_another(client: openai.OpenAI) -> None:
    assert painted(client, "a lake at dawn") == painted(client, "a lake at dawn")
    assert painted(client, "a lake at dawn") != painted(client, "a lake at dawn", seed=8)


def test_night_is_darker_than_day_in_both_languages(client: openai.OpenAI) -> None:
    for day, night in (("mountains at noon", "mountains at night"), ("山，白天", "山，夜晚")):
        bright = [pixels(painted(client, day, seed=seed)).mean() for seed in (1, 2, 3)]
        dark = [pixels(painted(client, night, seed=seed)).mean() for seed in (1, 2, 3)]
        assert sum(dark) < 0.7 * sum(bright)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_the_file_says_which_words_were_understood(client: openai.OpenAI, format: Any) -> None:
    facts = read_facts(painted(client, "雪山下的湖，日落", output_format=format))
    assert (facts["prompt"], facts["seed"], facts["model"]) == ("雪山下的湖，日落", 7, "aigc-scenes")
    assert "place:lake" in {one["concept"] for one in facts["grounded"]}


def test_a_size_that_cannot_be_made_names_near_ones(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="nearest") as caught:
        painted(client, "a lake", size="30x5000")
    assert caught.value.param == "size"


def test_a_sticker_stands_on_nothing(client: openai.OpenAI) -> None:
    file = painted(client, "sticker of a fox", background="transparent", output_format="webp")
    with Image.open(io.BytesIO(file)) as image:
        assert image.mode == "RGBA"
        alpha = np.asarray(image)[:, :, 3]
    assert alpha[0, 0] == 0
    assert alpha.max() == 255


def test_previews_come_before_the_picture(client: openai.OpenAI) -> None:
    stream = client.images.generate(
        model="aigc-scenes", prompt="a lake", size="512x512", stream=True, partial_images=2, extra_body={"seed": 1}
    )
    kinds = [event.type for event in stream]
    assert kinds[-1] == "image_generation.completed"
    assert 1 <= kinds.count("image_generation.partial_image") <= 2


def test_a_client_that_leaves_stops_the_painting(serving: Serving) -> None:
    with serving.http.stream(
        "POST", "/v1/images/generations", json=LONG | {"stream": True, "progress": True}
    ) as answer:
        pieces = answer.iter_raw()  # held: a generator that is dropped closes the connection
        next(pieces)
        assert serving.running() == 1
    wait_for(lambda: serving.running() == 0)


def test_a_worker_that_is_killed_is_said_and_replaced(serving: Serving, client: openai.OpenAI) -> None:
    with serving.http.stream(
        "POST", "/v1/images/generations", json=LONG | {"stream": True, "progress": True}
    ) as answer:
        pieces = answer.iter_text()
        next(pieces)
        for worker in serving.workers():
            worker.send_signal(signal.SIGKILL)
        rest = "".join(pieces)
    assert '"code":"worker_died"' in rest
    assert "[DONE]" not in rest
    assert painted(client, "a lake").startswith(b"\x89PNG")


def test_a_job_outlives_its_client_and_ends_when_it_is_told_to(serving: Serving) -> None:
    short = serving.http.post("/v1/images/generations", json=LONG | {"n": 1, "size": "128x128", "detach": True}).json()
    wait_for(lambda: serving.http.get(f"/v1/images/jobs/{short['id']}").json()["status"] == "completed")
    long = serving.http.post("/v1/images/generations", json=LONG | {"detach": True})
    assert long.status_code == 202
    assert serving.http.delete(f"/v1/images/jobs/{long.json()['id']}").status_code == 200
    wait_for(lambda: serving.running() == 0)


def test_a_killed_server_says_of_its_job_that_it_is_lost(tmp_path: Path) -> None:
    with serve(tmp_path / "home") as first:
        job = first.http.post("/v1/images/generations", json=LONG | {"detach": True}).json()
        assert job["status"] == "in_progress"
        first.process.kill()
        first.process.wait(20)
    with serve(tmp_path / "home") as second:
        found = second.http.get(f"/v1/images/jobs/{job['id']}").json()
    assert (found["status"], found["error"]["code"]) == ("lost", "job_lost")
