"""`aigc.Client` against the real server; a small painter really draws."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from aigc import errors
from aigc.client.picture_results import PictureProgress
from aigc.client.sync import Client
from aigc.types import ImageRequest, RestoreRequest
from live_server import KEY, Live, live
from scripted_runtime import answer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[Client]:
    server.runtime.script = lambda request: list(answer(request))
    server.runtime.requests.clear()
    with Client(f"{server.url}/v1", KEY, max_retries=0, timeout=20) as made:
        yield made


RED = Image.new("RGB", (48, 32), "red")


def asked(server: Live) -> tuple[str, ImageRequest]:
    model, request = server.runtime.requests[-1]
    assert isinstance(request, ImageRequest)
    return model, request


def test_the_program_of_the_first_page(client: Client, server: Live) -> None:
    response = client.generate(prompt="A beautiful landscape", model="aigc-v1", width=256, height=256, batch_size=1)
    assert response.images[0].size == (256, 256)
    assert response.metadata["prompt"] == "A beautiful landscape"
    assert response.metadata["seed"] == asked(server)[1].seed


def test_everything_that_can_be_said_arrives(client: Client, server: Live) -> None:
    answer = client.generate(
        "a fox", width=48, height=32, batch_size=2, seed=7, steps=3, guidance=2.5, style="flat", transparent=True
    )
    assert [(picture.image.size, picture.metadata["seed"]) for picture in answer.pictures] == [
        ((48, 32), 7),
        ((48, 32), 8),
    ]
    request = asked(server)[1]
    assert (request.n, request.steps, request.guidance, request.style, request.transparent) == (2, 3, 2.5, "flat", True)


def test_each_kind_goes_to_the_model_that_can_do_it(client: Client, server: Live) -> None:
    client.panorama("a lake", 128, 64, seed=1)
    assert (asked(server)[0], asked(server)[1].panorama) == ("aigc-scenes", True)
    client.vary(RED, 2, seed=1, strength=0.3)
    model, request = asked(server)
    assert (model, request.prompt, request.n, request.strength) == ("aigc-v1", "", 2, 0.3)
    client.edit(RED, style="flat")
    assert (asked(server)[1].prompt, asked(server)[1].style) == ("", "flat")
    client.restore(RED, "denoise", scale=2)
    model, restoring = server.runtime.requests[-1]
    assert isinstance(restoring, RestoreRequest)
    assert (model, restoring.task, restoring.scale) == ("aigc-restore", "denoise", 2)


@pytest.mark.parametrize("mode", ["RGBA", "L"])
def test_a_mask_says_where_to_paint_in_either_way(client: Client, server: Live, mode: str) -> None:
    mask = Image.new(mode, (48, 32), "#000000ff" if mode == "RGBA" else 0)
    mask.putpixel((3, 2), (0, 0, 0, 0) if mode == "RGBA" else 255)
    client.edit(RED, "a castle", mask=mask, strength=0.5)
    request = asked(server)[1]
    assert request.mask is not None
    where = np.frombuffer(request.mask.pixels, np.uint8).reshape(32, 48)
    assert (int(where.sum()), int(where[2, 3])) == (255, 255)


def test_steps_and_previews_come_before_the_picture(client: Client) -> None:
    heard: list[PictureProgress] = []
    answer = client.generate("a fox", seed=1, steps=3, partial_images=1, on_progress=heard.append)
    assert [(one.index, one.step, one.steps) for one in heard if one.preview is None] == [
        (0, 1, 3),
        (0, 2, 3),
        (0, 3, 3),
    ]
    previews = [one.preview for one in heard if one.preview is not None]
    assert [preview.image.size for preview in previews] == [answer.images[0].size]
    heard.clear()
    client.restore(RED, on_progress=heard.append)
    client.edit(RED, "x", on_progress=heard.append)
    assert len(heard) > 2


def test_what_the_server_refuses_is_raised_with_its_name(client: Client, server: Live) -> None:
    with pytest.raises(errors.UserError, match="seed") as caught:
        client.generate("a fox", seed=-1)
    assert caught.value.param == "seed"
    with pytest.raises(errors.UserError) as caught:
        client.generate("a fox", made_up=1, on_progress=lambda progress: None)
    assert caught.value.param == "made_up"
    with pytest.raises(errors.InvalidPicture) as caught:
        client.vary(b"no picture")
    assert caught.value.param == "image"
    with pytest.raises(errors.AuthenticationFailed), Client(f"{server.url}/v1", "your-api-key") as stranger:
        stranger.generate("a fox")


def test_leaving_in_the_middle_stops_the_work(client: Client, server: Live) -> None:
    def script(request: ImageRequest) -> list[object]:
        first, *_ = answer(request)
        return [first, 60.0]

    server.runtime.script = script  # type: ignore[assignment]

    def enough(progress: PictureProgress) -> None:
        assert server.runtime.running == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.generate("a fox", on_progress=enough)
    end = time.monotonic() + 20
    while server.runtime.running:
        assert time.monotonic() < end
        time.sleep(0.01)
