from __future__ import annotations

import asyncio
import base64
import inspect
import io
import json
import time
from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

import aigc
from aigc import errors
from aigc.client.aio import AsyncClient
from aigc.client.app_thread import AppThread
from aigc.client.picture_results import Picture, PictureAnswer, PictureProgress
from aigc.client.sync import Client
from aigc.client.transport import AsyncLocalTransport, LocalTransport
from aigc.pictures.encode import encode
from aigc.settings import Settings
from aigc.types import Raster


def picture_file(colour: str = "red", format: str = "PNG", mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (4, 2), colour).save(buffer, format)
    return buffer.getvalue()


RED, BLUE = picture_file("red"), picture_file("blue")


def b64(file: bytes) -> str:
    return base64.b64encode(file).decode()


def form_parts(kind: str, body: bytes) -> list[Message]:
    """The parts of a form, read by the standard library's parser of mails."""
    parts = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body).get_payload()
    return [part for part in parts if isinstance(part, Message)]


class ImageServer:
    """Speaks the shapes of OpenAI's image endpoints: every answer has a red picture, then blue ones."""

    def __init__(self) -> None:
        self.fields: dict[str, object] = {}
        self.files: dict[str, bytes] = {}
        self.path = ""
        self.left = 0

    async def images(self, request: Request) -> Response:
        self.path = request.url.path
        if request.headers["content-type"].startswith("multipart/form-data"):
            self.fields, self.files = {}, {}
            for part in form_parts(request.headers["content-type"], await request.body()):
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                name = str(part.get_param("name", header="content-disposition"))
                if part.get_filename() is None:
                    self.fields[name] = content.decode()
                else:
                    self.files[name] = content
        else:
            self.fields = await request.json()
        if self.fields.get("prompt") == "refuse":
            error = {"message": "size is '1x1'", "param": "size", "code": None, "hint": "the nearest size is 256x256"}
            return JSONResponse({"error": error}, 400)
        count = int(str(self.fields.get("n", 1)))
        if self.fields.get("stream") in (True, "true"):
            return StreamingResponse(self.events(str(self.fields.get("prompt")), count), media_type="text/event-stream")
        return JSONResponse({"created": 1, "data": [{"b64_json": b64(BLUE if n else RED)} for n in range(count)]})

    async def events(self, prompt: str, count: int) -> AsyncIterator[str]:
        def event(name: str, **fields: object) -> str:
            kind = f"image_generation.{name}"
            return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"

        try:
            for index in range(count):
                yield event("progress", index=index, step=1, steps=2)
                if prompt == "wait":
                    await asyncio.sleep(60)
                yield event("progress", index=index, step=2, steps=2)
                yield event("partial_image", b64_json=b64(BLUE), partial_image_index=0, index=index)
                if prompt == "break":
                    return
                if prompt == "fail":
                    yield 'data: {"error": {"message": "the worker died", "code": "worker_died"}}\n\n'
                    return
                yield event("completed", b64_json=b64(BLUE if index else RED), index=index, usage={})
        except asyncio.CancelledError:
            self.left += 1
            raise


@pytest.fixture
def server() -> ImageServer:
    return ImageServer()


@pytest.fixture
def thread(server: ImageServer) -> Iterator[AppThread]:
    thread = AppThread(lambda: Starlette(routes=[Route("/v1/images/{kind}", server.images, methods=["POST"])]))
    yield thread
    thread.close()


@pytest.fixture
def client(thread: AppThread, tmp_path: Path) -> Iterator[Client]:
    with Client("http://localhost/v1", "k", settings=Settings(home=tmp_path), transport=LocalTransport(thread)) as one:
        yield one


def test_words_become_pictures_and_every_argument_has_its_name_of_the_api(client: Client, server: ImageServer) -> None:
    answer = client.generate(
        "a lake",
        model="m",
        width=512,
        height=256,
        batch_size=2,
        seed=7,
        steps=4,
        guidance=2.5,
        style="flat",
        transparent=True,
        output_format="webp",
    )
    assert answer.files == (RED, BLUE)
    assert [image.getpixel((0, 0)) for image in answer.images] == [(255, 0, 0), (0, 0, 255)]
    assert server.path == "/v1/images/generations"
    assert server.fields == {
        "response_format": "b64_json",
        "prompt": "a lake",
        "model": "m",
        "n": 2,
        "size": "512x256",
        "seed": 7,
        "steps": 4,
        "guidance": 2.5,
        "style": "flat",
        "background": "transparent",
        "output_format": "webp",
    }


def test_what_is_not_given_is_not_sent(client: Client, server: ImageServer) -> None:
    client.generate("a lake")
    assert server.fields == {"response_format": "b64_json", "prompt": "a lake", "model": "default", "n": 1}


def test_one_side_alone_is_refused(client: Client) -> None:
    with pytest.raises(errors.UserError, match="width is 512 and height is None; accepted: both, or neither"):
        client.generate("a lake", width=512)


def test_a_panorama_has_a_path_of_its_own(client: Client, server: ImageServer) -> None:
    assert client.panorama("a lake", 1024, 512, seed=3).files == (RED,)
    assert server.path == "/v1/images/panoramas"
    assert (server.fields["size"], server.fields["seed"]) == ("1024x512", 3)


def test_an_edit_sends_picture_and_mask_as_files(client: Client, server: ImageServer, tmp_path: Path) -> None:
    photo, mask = tmp_path / "photo.png", picture_file("#00000000", mode="RGBA")
    photo.write_bytes(BLUE)
    client.edit(photo, "a castle", mask=mask, strength=0.5, batch_size=2)
    assert server.path == "/v1/images/edits"
    assert server.files == {"image": BLUE, "mask": mask}
    assert server.fields == {
        "response_format": "b64_json",
        "prompt": "a castle",
        "model": "default",
        "n": "2",
        "strength": "0.5",
    }


def test_a_style_without_words_is_a_variation(client: Client, server: ImageServer) -> None:
    client.edit(RED, style="watercolour")
    assert (server.path, server.fields["style"], "prompt" in server.fields) == (
        "/v1/images/variations",
        "watercolour",
        False,
    )


@pytest.mark.parametrize("mode", ["L", "1"])
def test_the_white_of_a_grey_mask_is_what_is_painted(client: Client, server: ImageServer, mode: str) -> None:
    mask = Image.new(mode, (2, 1), 0)
    mask.putpixel((1, 0), 255)
    client.edit(RED, "a castle", mask=mask)
    sent = Image.open(io.BytesIO(server.files["mask"]))
    assert (sent.mode, [sent.getpixel((x, 0))[3] for x in (0, 1)]) == ("RGBA", [255, 0])


def test_variations_and_restorations_have_their_fields(client: Client, server: ImageServer) -> None:
    assert client.vary(Picture(RED), 2, seed=4, strength=0.2).files == (RED, BLUE)
    assert server.path == "/v1/images/variations"
    assert {name: server.fields[name] for name in ("n", "seed", "strength")} == {
        "n": "2",
        "seed": "4",
        "strength": "0.2",
    }
    assert client.restore(RED, "upscale", scale=2).files == (RED,)
    assert server.path == "/v1/images/restorations"
    assert {name: server.fields[name] for name in ("task", "scale")} == {"task": "upscale", "scale": "2"}


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
def test_pillows_images_go_as_png(client: Client, server: ImageServer, mode: str) -> None:
    image = Image.new("RGB", (3, 2), (10, 20, 30)).convert(mode)
    client.vary(image)
    sent = Image.open(io.BytesIO(server.files["image"]))
    assert (sent.format, sent.size) == ("PNG", (3, 2))
    assert sent.convert("RGB").getpixel((0, 0)) == image.convert("RGB").getpixel((0, 0))


@pytest.mark.parametrize(
    ("source", "message"), [("no-such.png", "image: 'no-such.png' can't be read"), (3, "type int")]
)
def test_what_is_no_picture_is_refused_before_anything_is_sent(
    client: Client, server: ImageServer, source: object, message: str
) -> None:
    with pytest.raises(errors.UserError, match=message) as caught:
        client.edit(source, "a castle")  # type: ignore[arg-type]
    assert (caught.value.param, server.path) == ("image", "")


def test_progress_is_told_step_by_step_with_previews(client: Client, server: ImageServer) -> None:
    heard: list[PictureProgress] = []
    answer = client.generate("a lake", batch_size=2, partial_images=1, on_progress=heard.append)
    assert answer.files == (RED, BLUE)
    assert heard == [
        PictureProgress(0, 1, 2),
        PictureProgress(0, 2, 2),
        PictureProgress(0, 2, 2, Picture(BLUE)),
        PictureProgress(1, 1, 2),
        PictureProgress(1, 2, 2),
        PictureProgress(1, 2, 2, Picture(BLUE)),
    ]
    assert (server.fields["stream"], server.fields["progress"]) == (True, True)
    assert client.edit(RED, "x", on_progress=heard.append).files == (RED,)
    assert server.fields["stream"] == "true"


@pytest.mark.parametrize(
    ("prompt", "kind", "message"),
    [
        ("fail", errors.WorkerDied, "the worker died"),
        ("break", errors.Unreachable, "the connection ended in the middle"),
        ("refuse", errors.UserError, "size is '1x1'\nhint: the nearest size is 256x256"),
    ],
)
def test_what_goes_wrong_on_the_way_is_raised(client: Client, prompt: str, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        client.generate(prompt, on_progress=lambda progress: None)


def test_a_callback_that_raises_ends_the_work(client: Client, server: ImageServer) -> None:
    def enough(progress: PictureProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.generate("wait", on_progress=enough)
    end = time.monotonic() + 30
    while server.left == 0:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_asynchronous_client_does_the_same(thread: AppThread, server: ImageServer, tmp_path: Path) -> None:
    async def main() -> None:
        transport = AsyncLocalTransport(thread)
        async with AsyncClient("http://x/v1", settings=Settings(home=tmp_path), transport=transport) as client:
            assert (await client.generate("a lake", batch_size=2)).files == (RED, BLUE)
            heard: list[PictureProgress] = []
            assert (await client.edit(RED, "x", on_progress=heard.append)).files == (RED,)
            assert [progress.step for progress in heard] == [1, 2, 2]
            assert (await client.restore(RED)).files == (RED,)
            with pytest.raises(errors.UserError, match="size is '1x1'"):
                await client.panorama("refuse")

    asyncio.run(main())


def test_files_are_written_whole_and_several_get_numbers(client: Client, tmp_path: Path) -> None:
    answer = client.generate("a lake", batch_size=2)
    assert answer.save(tmp_path / "lake.png") == [tmp_path / "lake-1.png", tmp_path / "lake-2.png"]
    assert (tmp_path / "lake-2.png").read_bytes() == BLUE
    assert answer.pictures[0].save(str(tmp_path / "one.PNG")).read_bytes() == RED
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["lake-1.png", "lake-2.png", "one.PNG"]


def test_a_name_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match=r"the picture is png, and 'lake\.jpg' doesn't end like that") as caught:
        Picture(RED).save(tmp_path / "lake.jpg")
    assert "output_format='png', 'jpeg' or 'webp'" in str(caught.value.hint)
    assert Picture(picture_file(format="JPEG")).save(tmp_path / "lake.jpeg").exists()
    assert Picture(picture_file(format="WEBP")).save(tmp_path / "lake.webp").exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="can't be written: No such file or directory"):
        Picture(RED).save(tmp_path / "nowhere" / "lake.png")


def test_what_made_a_picture_is_read_from_its_file() -> None:
    raster = Raster(width=1, height=1, channels=3, pixels=b"abc")
    made = Picture(encode(raster, "jpeg", facts={"seed": 2**63 - 1, "model": "aigc-v1", "prompt": "雪"}))
    found = PictureAnswer((made, Picture(RED))).metadata
    assert {name: found[name] for name in ("seed", "model", "prompt", "format")} == {
        "seed": 9223372036854775807,
        "model": "aigc-v1",
        "prompt": "雪",
        "format": "jpeg",
    }
    assert Picture(RED).metadata == {"format": "png", "made_by_aigc": False}


def test_the_functions_of_the_module_have_words_and_signature() -> None:
    for name in ("generate", "edit", "vary", "restore", "panorama"):
        own, of_client = getattr(aigc, name), getattr(Client, name)
        assert own.__doc__ == of_client.__doc__ == getattr(AsyncClient, name).__doc__
        assert ["self", *inspect.signature(own).parameters] == [*inspect.signature(of_client).parameters]
