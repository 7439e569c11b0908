"""The official client asks for pictures; a small painter really draws them."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aigc.pictures.metadata import read_facts
from aigc.types import ImageRequest, ImagesDone, ImageStep, RestoreRequest
from live_server import KEY, Live, live
from scripted_runtime import answer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[openai.OpenAI]:
    server.runtime.script = lambda request: list(answer(request))
    server.runtime.requests.clear()
    with openai.OpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0, timeout=20) as made:
        yield made


def last(server: Live) -> ImageRequest:
    request = server.runtime.requests[-1][1]
    assert isinstance(request, ImageRequest)
    return request


def opened(data: str | bytes) -> Image.Image:
    raw = base64.b64decode(data) if isinstance(data, str) else data
    with Image.open(io.BytesIO(raw)) as image:
        image.load()
        return image


def file(image: Image.Image, format: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, format)
    return out.getvalue()


RED = Image.new("RGB", (48, 32), "red")


def test_pictures_from_words(client: openai.OpenAI, server: Live) -> None:
    done = client.images.generate(
        model="gpt-image-1", prompt="a fox", n=2, size="48x32", extra_body={"seed": 7, "steps": 3, "guidance": 2.5}
    )
    assert server.runtime.requests[-1][0] == "aigc-v1"
    assert done.data is not None
    assert [opened(one.b64_json or "").size for one in done.data] == [(48, 32), (48, 32)]
    assert [one.model_extra["seed"] for one in done.data if one.model_extra] == [7, 8]
    assert (done.output_format, done.size, done.background, done.quality) == ("png", "48x32", "opaque", "medium")
    assert done.usage is not None
    assert (done.usage.input_tokens, done.usage.output_tokens, done.usage.total_tokens) == (5, 12, 17)
    asked = last(server)
    assert (asked.prompt, asked.n, asked.width, asked.height) == ("a fox", 2, 48, 32)
    assert (asked.seed, asked.steps, asked.guidance) == (7, 3, 2.5)


def test_the_same_seed_gives_the_same_pixels_and_none_gives_another(client: openai.OpenAI) -> None:
    def pixels(**extra: Any) -> bytes:
        done = client.images.generate(prompt="a fox", extra_body=extra)
        assert done.data is not None
        return opened(done.data[0].b64_json or "").tobytes()

    assert pixels(seed=7) == pixels(seed=7)
    assert pixels(seed=7) != pixels(seed=8)
    assert len({pixels() for _ in range(3)}) == 3


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_the_file_says_what_made_it(client: openai.OpenAI, format: Any) -> None:
    done = client.images.generate(prompt="雪山下的湖", output_format=format, extra_body={"seed": 7})
    assert done.data is not None
    data = base64.b64decode(done.data[0].b64_json or "")
    facts = read_facts(data)
    assert (facts["prompt"], facts["seed"], facts["model"], facts["steps"]) == ("雪山下的湖", 7, "aigc-v1", 4)
    assert (facts["task"], facts["size"], facts["format"], facts["made_by_aigc"]) == (
        "generation",
        "64x64",
        format,
        True,
    )
    assert opened(data).format == format.upper()


def test_compression_makes_jpegs_smaller(client: openai.OpenAI) -> None:
    sizes = []
    for compression in (100, 5):
        done = client.images.generate(
            prompt="x" * 7, size="256x256", output_format="jpeg", output_compression=compression, extra_body={"seed": 1}
        )
        assert done.data is not None
        sizes.append(len(done.data[0].b64_json or ""))
    assert sizes[1] < sizes[0]


def test_a_transparent_ground_stays_transparent(client: openai.OpenAI) -> None:
    done = client.images.generate(prompt="a sticker", background="transparent", output_format="webp")
    assert done.data is not None
    assert done.background == "transparent"
    assert opened(done.data[0].b64_json or "").getpixel((0, 0))[3] == 0


def test_a_picture_can_be_fetched_by_its_owner(client: openai.OpenAI, server: Live) -> None:
    done = client.images.generate(prompt="a fox", response_format="url", n=2, output_format="jpeg")
    assert done.data is not None
    url = done.data[0].url or ""
    assert url.startswith(f"{server.url}/v1/images/files/img_")
    assert done.data[0].b64_json is None
    got = server.http.get(url)
    assert (got.status_code, got.headers["content-type"]) == (200, "image/jpeg")
    assert opened(got.content).size == (64, 64)
    assert httpx.get(url, trust_env=False).status_code == 401
    assert server.http.get(url.replace("img_", "img_0")).status_code == 404


def test_a_masked_edit_leaves_every_other_pixel_exact(client: openai.OpenAI, server: Live) -> None:
    mask = Image.new("RGBA", RED.size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 16, 32))
    done = client.images.edit(
        image=("photo.png", file(RED)),
        mask=("mask.png", file(mask)),
        prompt="a castle",
        extra_body={"strength": 1, "seed": 3},
    )
    assert done.data is not None
    found = np.asarray(opened(done.data[0].b64_json or ""))
    assert (found[:, 16:] == (255, 0, 0)).all()
    assert not (found[:, :16] == (255, 0, 0)).all()
    asked = last(server)
    assert (asked.strength, asked.seed, asked.width, asked.height) == (1.0, 3, 48, 32)
    assert read_facts(base64.b64decode(done.data[0].b64_json or ""))["task"] == "edit"


def test_the_transparent_part_of_a_picture_is_its_mask(client: openai.OpenAI, server: Live) -> None:
    image = RED.convert("RGBA")
    image.paste((9, 9, 9, 0), (0, 0, 8, 8))
    client.images.edit(image=[("photo.webp", file(image))], prompt="a castle")
    asked = last(server)
    assert asked.mask is not None
    assert asked.mask.pixels.count(255) == 64
    assert asked.image is not None
    assert asked.image.channels == 3


def test_an_edit_in_json(server: Live, client: openai.OpenAI) -> None:
    url = "data:image/png;base64," + base64.b64encode(file(RED)).decode()
    body = {"model": "gpt-image-1", "prompt": "at sunset", "images": [{"image_url": url}], "strength": 0.25}
    done = server.http.post("/v1/images/edits", json=body)
    assert done.status_code == 200
    assert last(server).strength == 0.25
    assert last(server).mask is None


@pytest.mark.parametrize("field", [{"strength": "2"}, {"strength": "much"}, {"n": 0}, {"n": "11"}, {"steps": 0}])
def test_a_value_of_a_form_that_is_out_of_range_is_named_with_what_was_seen(
    client: openai.OpenAI, field: dict[str, Any]
) -> None:
    (name, value), *_ = field.items()
    with pytest.raises(openai.BadRequestError, match=f'{name} is "{value}"; accepted') as caught:
        client.images.edit(image=file(RED), prompt="at sunset", extra_body=field)
    assert caught.value.param == name


def test_an_edit_in_another_size_of_the_same_shape(client: openai.OpenAI, server: Live) -> None:
    client.images.edit(image=file(RED), prompt="x", size="96x64")  # type: ignore[arg-type]
    asked = last(server)
    assert asked.image is not None
    assert (asked.width, asked.height, asked.image.width, asked.image.height) == (96, 64, 96, 64)
    with pytest.raises(
        openai.BadRequestError, match="the picture 48x32; accepted: the same shape, the nearest is 96x64"
    ):
        client.images.edit(image=file(RED), prompt="x", size="96x96")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the client's makers would rather see it gone
def test_a_variation_is_a_picture_without_words(client: openai.OpenAI, server: Live) -> None:
    done = client.images.create_variation(image=file(RED), n=2, extra_body={"strength": 0.3})
    assert done.data is not None
    assert len(done.data) == 2
    asked = last(server)
    assert (asked.prompt, asked.strength, asked.n) == ("", 0.3, 2)
    assert asked.image is not None


def test_a_restoration(server: Live, client: openai.OpenAI) -> None:
    done = server.http.post(
        "/v1/images/restorations", files={"image": file(RED, "JPEG")}, data={"task": "denoise", "scale": "2"}
    )
    assert done.status_code == 200, done.text
    model, asked = server.runtime.requests[-1]
    assert isinstance(asked, RestoreRequest)
    assert (model, asked.task, asked.scale) == ("aigc-restore", "denoise", 2)
    picture = base64.b64decode(done.json()["data"][0]["b64_json"])
    assert opened(picture).size == (96, 64)
    assert read_facts(picture)["repairs"] == ["denoise"]
    assert b"algorithmicallyEnhanced" in picture


def test_a_panorama(server: Live, client: openai.OpenAI) -> None:
    done = server.http.post("/v1/images/panoramas", json={"prompt": "a lake", "size": "128x64"})
    assert done.status_code == 200
    assert server.runtime.requests[-1][0] == "aigc-scenes"
    assert last(server).panorama is True
    refused = server.http.post("/v1/images/panoramas", json={"prompt": "a lake", "size": "64x64"}).json()["error"]
    assert (refused["param"], refused["code"]) == ("size", "invalid_value")
    assert "128x64" in refused["message"]


def test_a_stream_shows_previews_and_then_the_picture(client: openai.OpenAI) -> None:
    events = list(client.images.generate(prompt="a fox", stream=True, partial_images=3, size="32x32"))
    assert [event.type for event in events] == ["image_generation.partial_image"] * 3 + ["image_generation.completed"]
    assert [event.partial_image_index for event in events[:-1]] == [0, 1, 2]  # type: ignore[union-attr]
    assert {opened(event.b64_json).size for event in events} == {(32, 32)}
    assert events[-1].usage.output_tokens == 4  # type: ignore[union-attr]


def test_a_streamed_edit_has_events_of_its_own(client: openai.OpenAI) -> None:
    stream = client.images.edit(image=file(RED), prompt="x", stream=True, partial_images=1)
    kinds = [event.type for event in stream]
    assert kinds == ["image_edit.partial_image", "image_edit.completed"]


def test_a_stream_tells_its_progress_where_it_is_asked_to(server: Live, client: openai.OpenAI) -> None:
    body = {"prompt": "a fox", "stream": True, "progress": True, "steps": 2}
    text = server.http.post("/v1/images/generations", json=body).text
    found = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: {")]
    assert [(one["type"], one.get("step"), one.get("steps")) for one in found] == [
        ("image_generation.progress", 1, 2),
        ("image_generation.progress", 2, 2),
        ("image_generation.completed", None, None),
    ]
    assert text.endswith("data: [DONE]\n\n")


def test_what_the_model_refuses_has_its_status_also_in_a_stream(client: openai.OpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="sides from 16 to 256") as caught:
            client.images.generate(prompt="a fox", size="1000x1000", stream=stream)
        assert caught.value.param == "size"


def test_a_failure_in_a_stream_becomes_an_event(client: openai.OpenAI, server: Live) -> None:
    from aigc.errors import WorkerDied

    server.runtime.script = lambda request: [ImageStep(index=0, step=1, steps=4), WorkerDied("it ended")]
    with pytest.raises(openai.APIError, match="it ended"):
        list(client.images.generate(prompt="a fox", stream=True, extra_body={"progress": True}))


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_the_painting(server: Live, stream: bool) -> None:
    server.runtime.script = lambda request: [ImageStep(index=0, step=1, steps=4), 30.0]
    raw = json.dumps({"prompt": "a fox", "stream": stream}).encode()
    head = f"POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
    connection = server.connect()
    connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw)
    wait_for(lambda: server.runtime.running == 1)
    connection.close()
    wait_for(lambda: server.runtime.running == 0)


def wait_for(true: Any) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def begun(server: Live, **more: Any) -> dict[str, Any]:
    response = server.http.post("/v1/images/generations", json={"prompt": "a fox", "detach": True, **more})
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def test_a_detached_request_is_a_job_that_ends_with_its_result(server: Live, client: openai.OpenAI) -> None:
    job = begun(server, seed=5)
    wait_for(lambda: server.http.get(f"/v1/images/jobs/{job['id']}").json()["status"] == "completed")
    found = server.http.get(f"/v1/images/jobs/{job['id']}").json()
    assert found["object"] == "image.job"
    assert found["result"]["data"][0]["seed"] == 5
    assert opened(found["result"]["data"][0]["b64_json"]).size == (64, 64)


def test_a_job_tells_how_far_it_has_come_and_ends_when_it_is_deleted(server: Live) -> None:
    server.runtime.script = lambda request: [ImageStep(index=1, step=3, steps=9), 600.0]
    job = begun(server, n=2)
    wait_for(lambda: server.http.get(f"/v1/images/jobs/{job['id']}").json()["progress"]["step"] == 3)
    found = server.http.get(f"/v1/images/jobs/{job['id']}").json()
    assert found["status"] == "in_progress"
    assert found["progress"] == {"index": 1, "of": 2, "step": 3, "steps": 9}
    assert server.http.delete(f"/v1/images/jobs/{job['id']}").json()["deleted"] is True
    wait_for(lambda: server.runtime.running == 0)
    assert server.http.get(f"/v1/images/jobs/{job['id']}").status_code == 404
    assert server.http.delete(f"/v1/images/jobs/{job['id']}").status_code == 404


def test_a_job_that_is_refused_at_once_is_none(server: Live, client: openai.OpenAI) -> None:
    refused = server.http.post("/v1/images/generations", json={"prompt": "a", "size": "1000x1000", "detach": True})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "size")


def test_a_job_that_fails_later_says_why(server: Live) -> None:
    from aigc.errors import WorkerDied

    server.runtime.script = lambda request: [1.5, WorkerDied("it ended")]
    job = begun(server)
    wait_for(lambda: server.http.get(f"/v1/images/jobs/{job['id']}").json()["status"] == "failed")
    assert server.http.get(f"/v1/images/jobs/{job['id']}").json()["error"]["code"] == "worker_died"


def test_jobs_and_files_belong_to_their_owner(server: Live, client: openai.OpenAI) -> None:
    job = begun(server)
    url = client.images.generate(prompt="a", response_format="url").data[0].url or ""  # type: ignore[index]
    other = {"authorization": f"Bearer {server.keys.create('x', 'other')[1]}"}
    assert server.http.get(f"/v1/images/jobs/{job['id']}", headers=other).status_code == 404
    assert server.http.delete(f"/v1/images/jobs/{job['id']}", headers=other).status_code == 404
    assert server.http.get(url, headers=other).status_code == 404
    assert server.http.get(f"/v1/images/files/{job['id']}").status_code == 404  # a job is no picture
    assert server.http.get(url.replace("/files/", "/jobs/")).status_code == 404


def test_after_a_restart_a_job_says_that_it_is_lost(tmp_path: Any) -> None:
    with live(tmp_path / "home") as first:
        first.runtime.script = lambda request: [ImageStep(index=0, step=1, steps=4), 600.0, ImagesDone(fingerprint="x")]
        job = begun(first)
    with live(tmp_path / "home") as second:
        found = second.http.get(f"/v1/images/jobs/{job['id']}").json()
    assert found["status"] == "lost"
    assert found["error"]["code"] == "job_lost"


def test_a_repeated_request_gets_the_same_pictures(server: Live, client: openai.OpenAI) -> None:
    headers = {"Idempotency-Key": "the-same-fox"}
    bodies = [server.http.post("/v1/images/generations", json={"prompt": "a fox"}, headers=headers) for _ in range(2)]
    assert bodies[0].content == bodies[1].content
    assert bodies[1].headers["idempotent-replayed"] == "true"


def test_a_repeated_request_for_an_address_gets_the_same_one(server: Live, client: openai.OpenAI) -> None:
    headers = {"Idempotency-Key": "one-address"}
    body = {"prompt": "a fox", "response_format": "url"}
    urls = [
        server.http.post("/v1/images/generations", json=body, headers=headers).json()["data"][0]["url"]
        for _ in range(2)
    ]
    assert urls[0] == urls[1]
    assert server.http.get(urls[0]).status_code == 200


def test_no_prompt_is_in_the_log(server: Live, client: openai.OpenAI, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        client.images.generate(prompt="a secret walrus")
        client.images.edit(image=file(RED), prompt="a secret walrus")
    assert "walrus" not in caplog.text


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 2**64) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    "prompt n size quality style seed steps guidance strength background image images mask task scale stream detach "
    "output_format output_compression response_format partial_images progress model".split()
)
PATHS = st.sampled_from(["generations", "panoramas", "edits", "variations", "restorations"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PATHS, st.dictionaries(NAMES, ANYTHING, max_size=3))
def test_no_body_makes_the_server_fail(server: Live, client: openai.OpenAI, path: str, more: dict[str, Any]) -> None:
    image = {"image_url": "data:image/png;base64," + base64.b64encode(file(RED)).decode()}
    whole = {"prompt": "x", "image": image} if path in ("edits", "variations", "restorations") else {"prompt": "x"}
    if path in ("variations", "restorations"):
        del whole["prompt"]
    body = json.dumps(whole | more)  # with NaN and lone surrogates, as broken clients send them
    headers = {"content-type": "application/json"}
    response = server.http.post(f"/v1/images/{path}", content=body, headers=headers)
    assert response.status_code in (200, 202, 400, 404, 413), response.text
    if response.status_code >= 400:
        assert response.json()["error"]["message"]
