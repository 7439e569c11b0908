"""Every parameter of OpenAI's document is honoured or refused by name, and the reference says which."""

from __future__ import annotations

import base64
import io
import json
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from aigc.client.wire import form_fields
from live_server import Live, live
from tiny_voice import RATE, tone

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
SCHEMAS = json.loads((ROOT / "tests/data/openai-subset.json").read_text())["components"]["schemas"]
REFERENCE = tomllib.loads((ROOT / "docs/reference/compatibility.toml").read_text("utf-8"))["endpoints"]

FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION | {"strict": True}}
CUSTOM = {"type": "custom", "custom": {"name": "c", "description": "d", "format": {"type": "text"}}}
GRAMMARS = {"regex": "a+", "lark": 'start: "a"'}
REGEX, LARK = (
    {"type": "custom", "custom": {"name": syntax, "format": {"type": "grammar", "grammar": grammar}}}
    for syntax, text in GRAMMARS.items()
    for grammar in [{"syntax": syntax, "definition": text}]
)
ALLOWED = {
    "mode": "required",
    "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}],
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
SPOKEN = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
FILE = {"type": "file", "file": {"file_id": "file-1"}}


def picture_file(*, mask: bool = False) -> bytes:
    """64x32 pixels; of a mask the left half is transparent."""
    image = Image.new("RGBA", (64, 32), (200, 50, 50, 255))
    if mask:
        image.paste((0, 0, 0, 0), (0, 0, 32, 32))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def recording() -> bytes:
    """A tenth of a second of a tone, as WAV."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(tone(0.1))
    return out.getvalue()


RECORDING = recording()


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


# For each parameter: (values that are honoured, with what they need beside them), (values that are refused).
Cases = dict[str, tuple[list[dict[str, Any]], list[Any]]]

SAMPLED: Cases = {
    "model": ([{"model": "default"}], []),
    "temperature": ([{"temperature": 0}, {"temperature": 2}], []),
    "top_p": ([{"top_p": 0.5}], []),
    "n": ([{"n": 1}, {"n": 16}], []),
    "max_tokens": ([{"max_tokens": 0}, {"max_tokens": 1}], []),
    "stop": ([{"stop": "a"}, {"stop": ["a", "b"]}], []),
    "seed": ([{"seed": 7}], []),
    "frequency_penalty": ([{"frequency_penalty": -2}], []),
    "presence_penalty": ([{"presence_penalty": 2.0}], []),
    "logit_bias": ([{"logit_bias": {"5": -100}}, {"logit_bias": {"a": 1}}], []),
    "stream": ([{"stream": True}, {"stream": False}], []),
    "stream_options": (
        [
            {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": True}},
            {"stream_options": {"include_usage": True}},
        ],
        [],
    ),
    "user": ([{"user": "u"}], []),
}
CHAT: Cases = SAMPLED | {
    "messages": (
        [{"messages": user([{"type": "text", "text": "hi"}])}],
        [user([IMAGE]), user([FILE]), [{"role": "system", "content": [SOUND]}]],
    ),
    "max_completion_tokens": ([{"max_completion_tokens": 0}, {"max_completion_tokens": 1}], []),
    "logprobs": ([{"logprobs": True}], []),
    "top_logprobs": ([{"logprobs": True, "top_logprobs": 20}], []),
    "response_format": (
        [
            {"response_format": {"type": "text"}},
            {"response_format": {"type": "json_object"}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}},
        ],
        [],
    ),
    "tools": ([{"tools": [TOOL]}, {"tools": []}, {"tools": [TOOL, CUSTOM]}, {"tools": [REGEX, LARK]}], []),
    "tool_choice": (
        [
            {"tool_choice": "none"},
            {"tools": [TOOL], "tool_choice": "required"},
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tools": [CUSTOM], "tool_choice": {"type": "custom", "custom": {"name": "c"}}},
            {"tools": [TOOL, CUSTOM], "tool_choice": {"type": "allowed_tools", "allowed_tools": ALLOWED}},
            {
                "tools": [TOOL],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
            },
        ],
        [],
    ),
    "parallel_tool_calls": ([{"tools": [TOOL], "parallel_tool_calls": False}], []),
    "functions": ([{"functions": [FUNCTION]}], []),
    "function_call": ([{"functions": [FUNCTION], "function_call": {"name": "f"}}], []),
    "metadata": ([{"metadata": {"a": "b"}}], []),
    "store": ([{"store": False}, {"store": True}, {"store": True, "stream": True}], []),
    "service_tier": ([{"service_tier": "auto"}, {"service_tier": "default"}], ["flex", "priority"]),
    "reasoning_effort": ([{"reasoning_effort": "none"}, {"reasoning_effort": "medium"}], ["low", "high", "max"]),
    "verbosity": ([{"verbosity": "medium"}], ["low", "high"]),
    "modalities": ([{"modalities": ["text"]}, SPOKEN], [["audio"]]),
    "audio": ([SPOKEN], []),
    "prediction": (
        [
            {"prediction": {"type": "content", "content": "a"}},
            {"prediction": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
        ],
        [],
    ),
    "web_search_options": ([], [{}]),
    "moderation": ([], [{"model": "m"}]),
    "prompt_cache_key": ([{"prompt_cache_key": "k"}], []),
    "prompt_cache_retention": ([{"prompt_cache_retention": "in_memory"}], ["24h"]),
    "prompt_cache_options": ([], [{"ttl": "30m"}]),
    "safety_identifier": ([{"safety_identifier": "s"}], []),
}
COMPLETION: Cases = SAMPLED | {
    "prompt": ([{"prompt": "a"}, {"prompt": ["a"]}, {"prompt": [1]}, {"prompt": [[1], [2]]}], []),
    "logprobs": ([{"logprobs": 0}, {"logprobs": 5}], []),
    "echo": ([{"echo": True}], []),
    "best_of": ([{"best_of": 0}, {"n": 2, "best_of": 2}, {"n": 2, "best_of": 5}], []),
    "suffix": ([{"suffix": "end"}], []),
    "max_tokens": ([{"max_tokens": 0}, {"max_tokens": 5}], []),
}
EMBEDDING: Cases = {
    "model": ([{"model": "text-embedding-3-small"}], []),
    "input": ([{"input": "a"}, {"input": ["a"]}, {"input": [1]}, {"input": [[1], [2]]}], []),
    "encoding_format": ([{"encoding_format": "float"}, {"encoding_format": "base64"}], []),
    "dimensions": ([{"dimensions": 2}], []),
    "user": ([{"user": "u"}], []),
}
PICTURE = {"image_url": "data:image/png;base64," + base64.b64encode(picture_file()).decode()}
MASK = {"image_url": "data:image/png;base64," + base64.b64encode(picture_file(mask=True)).decode()}
ELSEWHERE = [{"file_id": "file-1"}, {"image_url": "https://example.com/a.png"}]
VARIED: Cases = {
    "model": ([{"model": "gpt-image-1"}, {"model": "dall-e-2"}, {"model": "aigc-v1"}], []),
    "n": ([{"n": 1}, {"n": 10}], []),
    "response_format": ([{"response_format": "b64_json"}, {"response_format": "url"}], []),
    "size": ([{"size": "auto"}, {"size": "64x32"}], []),
    "user": ([{"user": "u"}], []),
}
PAINTED: Cases = VARIED | {
    "prompt": ([{"prompt": "x" * 32_000}], []),
    "quality": ([{"quality": "auto"}, {"quality": "standard"}, {"quality": "medium"}], ["low", "high", "hd"]),
    "output_format": ([{"output_format": "png"}, {"output_format": "jpeg"}, {"output_format": "webp"}], []),
    "output_compression": ([{"output_compression": 100}, {"output_format": "jpeg", "output_compression": 0}], []),
    "stream": ([{"stream": True}, {"stream": False}], []),
    "partial_images": ([{"stream": True, "partial_images": 3}, {"partial_images": 0}], []),
    "background": ([{"background": "auto"}, {"background": "opaque"}, {"background": "transparent"}], []),
}
GENERATION: Cases = PAINTED | {
    "moderation": ([{"moderation": "auto"}, {"moderation": "low"}], []),
    "style": ([{"style": "watercolour"}], ["vivid", "natural"]),
}
EDIT: Cases = PAINTED | {
    "image": ([{"image": [PICTURE]}], [[PICTURE, PICTURE], *ELSEWHERE]),
    "mask": ([{"mask": MASK}], ELSEWHERE),
    "input_fidelity": ([{"input_fidelity": "low"}], ["high"]),
}
VARIATION: Cases = VARIED | {"image": ([{"image": PICTURE}], ELSEWHERE)}
SPEECH: Cases = {
    "model": ([{"model": "tts-1"}, {"model": "gpt-4o-mini-tts"}, {"model": "aigc-voice"}], []),
    "input": ([{"input": "x" * 4096}], []),
    "voice": ([{"voice": "alloy"}, {"voice": "low"}, {"voice": {"id": "high"}}], []),
    "response_format": ([{"response_format": one} for one in ("mp3", "opus", "aac", "flac", "wav", "pcm")], []),
    "speed": ([{"speed": 0.25}, {"speed": 4}], []),
    "stream_format": ([{"stream_format": "audio"}, {"stream_format": "sse"}], []),
    "instructions": ([], ["like a pirate"]),
}
WRITTEN: Cases = {
    "file": ([{"file": RECORDING}], []),
    "model": ([{"model": "whisper-1"}, {"model": "gpt-4o-transcribe"}, {"model": "whisper-base"}], []),
    "prompt": ([{"prompt": "what was said before"}], []),
    "response_format": ([{"response_format": one} for one in ("json", "text", "srt", "verbose_json", "vtt")], []),
    "temperature": ([{"temperature": 0}, {"temperature": 1}], []),
}
TRANSCRIPTION: Cases = WRITTEN | {
    "response_format": (WRITTEN["response_format"][0], ["diarized_json"]),
    "language": ([{"language": "en"}], []),
    "languages": ([], [["en", "de"]]),
    "keywords": ([], [["Köln"]]),
    "include": ([], [["logprobs"]]),
    "timestamp_granularities": (
        [{"timestamp_granularities": ["word", "segment"], "response_format": "verbose_json"}],
        [],
    ),
    "stream": ([{"stream": True}, {"stream": False}], []),
    "chunking_strategy": ([{"chunking_strategy": "auto"}], ["server_vad"]),
    "known_speaker_names": ([], [["Ann"]]),
    "known_speaker_references": ([], [["data:audio/wav;base64,AA=="]]),
}
ENDPOINTS: dict[str, tuple[str, dict[str, Any], Cases]] = {
    "CreateChatCompletionRequest": ("/v1/chat/completions", {"model": "default", "messages": user("hi")}, CHAT),
    "CreateCompletionRequest": ("/v1/completions", {"model": "default", "prompt": "hi"}, COMPLETION),
    "CreateEmbeddingRequest": ("/v1/embeddings", {"model": "vectors", "input": "hi"}, EMBEDDING),
    "CreateImageRequest": ("/v1/images/generations", {"prompt": "hi"}, GENERATION),
    "CreateImageEditRequest": ("/v1/images/edits", {"prompt": "hi", "image": PICTURE}, EDIT),
    "CreateImageVariationRequest": ("/v1/images/variations", {"image": PICTURE}, VARIATION),
    "CreateSpeechRequest": ("/v1/audio/speech", {"model": "tts-1", "input": "hi", "voice": "alloy"}, SPEECH),
    "CreateTranscriptionRequest": (
        "/v1/audio/transcriptions",
        {"model": "whisper-1", "file": RECORDING},
        TRANSCRIPTION,
    ),
    "CreateTranslationRequest": ("/v1/audio/translations", {"model": "whisper-1", "file": RECORDING}, WRITTEN),
}


def post(client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    """As JSON, or as a form where a file comes along."""
    if not any(isinstance(value, bytes) for value in body.values()):
        return client.post(path, json=body)
    files = {name: (f"{name}.wav", value) for name, value in body.items() if isinstance(value, bytes)}
    rest = {name: value for name, value in body.items() if name not in files and value is not None}
    return client.post(path, data=form_fields(rest), files=files)


def properties(schema: dict[str, Any]) -> set[str]:
    """All properties of an object, those of the schemas it is made of included."""
    if "$ref" in schema:
        return properties(SCHEMAS[schema["$ref"].rsplit("/", 1)[1]])
    return set(schema.get("properties", {})).union(*(properties(part) for part in schema.get("allOf", ())))


def verdicts(schema: str) -> dict[str, str]:
    """Parameter to verdict, as the reference tells it."""
    parameters = next(one["parameters"] for one in REFERENCE.values() if one["schema"] == schema)
    return {name: row["verdict"] for name, row in parameters.items()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.mark.parametrize("name", ENDPOINTS)
def test_no_parameter_of_the_document_is_forgotten(name: str) -> None:
    _, _, cases = ENDPOINTS[name]
    assert set(cases) == properties(SCHEMAS[name])
    assert set(verdicts(name)) == properties(SCHEMAS[name])


@pytest.mark.parametrize("name", ENDPOINTS)
def test_the_reference_tells_the_verdicts_that_the_cases_show(name: str) -> None:
    _, _, cases = ENDPOINTS[name]
    shown = {
        parameter: "partly" if honoured and refused else "refused" if refused else "honoured"
        for parameter, (honoured, refused) in cases.items()
    }
    told = {key: "honoured" if value == "accepted" else value for key, value in verdicts(name).items()}
    shown["logprobs"] = told.get("logprobs", shown.get("logprobs", ""))  # with echo only: a test of its own
    told.setdefault("logprobs", shown["logprobs"])
    assert told == shown


ALL = [(name, parameter, *both) for name, (_, _, cases) in ENDPOINTS.items() for parameter, both in cases.items()]
HONOURED = [(name, parameter, extra) for name, parameter, honoured, _ in ALL for extra in honoured]
REFUSED = [(name, parameter, value) for name, parameter, _, refused in ALL for value in refused]


@pytest.mark.parametrize(("name", "parameter", "extra"), HONOURED)
def test_what_is_honoured_is_answered(server: Live, name: str, parameter: str, extra: dict[str, Any]) -> None:
    path, body, _ = ENDPOINTS[name]
    with server.client() as client:
        response = post(client, path, body | extra)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(("name", "parameter", "value"), REFUSED)
def test_what_is_refused_is_refused_by_name(server: Live, name: str, parameter: str, value: Any) -> None:
    path, body, _ = ENDPOINTS[name]
    with server.client() as client:
        response = post(client, path, body | {parameter: value})
    error = response.json()["error"]
    assert response.status_code == 400
    assert error["code"] == "unsupported_parameter"
    assert error["param"].split(".")[0] == parameter
    assert parameter in error["message"]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_null_means_absent(server: Live, name: str) -> None:
    path, body, cases = ENDPOINTS[name]
    with server.client() as client:
        for parameter in sorted(set(cases) - set(body)):
            response = post(client, path, body | {parameter: None})
            assert response.status_code == 200, (parameter, response.text)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_unknown_field_is_refused_by_name(server: Live, name: str) -> None:
    path, body, _ = ENDPOINTS[name]
    with server.client() as client:
        error = post(client, path, body | {"temprature": 1}).json()["error"]
    assert (error["code"], error["param"]) == ("unknown_parameter", "temprature")


def test_a_stream_cannot_tell_the_best(server: Live) -> None:
    with server.client() as client:
        body = {"model": "default", "prompt": "a", "best_of": 2, "stream": True}
        error = client.post("/v1/completions", json=body).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_value", "best_of")


OUT_OF_RANGE = [
    ("temperature", 2.01, "temperature"),
    ("temperature", -0.1, "temperature"),
    ("temperature", "1", "temperature"),
    ("temperature", True, "temperature"),
    ("top_p", 1.5, "top_p"),
    ("presence_penalty", 3, "presence_penalty"),
    ("frequency_penalty", -2.5, "frequency_penalty"),
    ("n", 0, "n"),
    ("n", 17, "n"),
    ("n", True, "n"),
    ("n", 1.5, "n"),
    ("n", 2**63, "n"),
    ("max_tokens", -1, "max_tokens"),
    ("max_tokens", 2**63, "max_tokens"),
    ("max_completion_tokens", "5", "max_completion_tokens"),
    ("seed", 2**63, "seed"),
    ("seed", 0.5, "seed"),
    ("top_logprobs", 21, "top_logprobs"),
    ("top_logprobs", 1, "top_logprobs"),  # without logprobs
    ("logit_bias", {"5": 101}, "logit_bias"),
    ("logit_bias", {"": 1}, "logit_bias"),
    ("logit_bias", {"x" * 65: 1}, "logit_bias"),
    ("logit_bias", {str(i): 1 for i in range(301)}, "logit_bias"),
    ("stop", [], "stop"),
    ("stop", ["a", "b", "c", "d", "e"], "stop"),
    ("stop", [""], "stop.0"),
    ("stop", "x" * 257, "stop"),
    ("messages", [], "messages"),
    ("messages", [{"role": "user", "content": "a"}] * 2049, "messages"),
    ("messages", [{"role": "user", "content": 5}], "messages.0.content"),
    ("messages", [{"role": "user", "content": []}], "messages.0.content"),
    ("messages", [{"role": "user", "content": [{"type": "text"}]}], "messages.0.content.0.text"),
    ("messages", [{"role": "user"}], "messages.0.content"),
    ("messages", [{"role": "robot", "content": "a"}], "messages.0.role"),
    ("messages", [{"content": "a"}], "messages.0.role"),
    ("messages", [{"role": "assistant"}], "messages.0"),
    ("messages", [{"role": "tool", "content": "a"}], "messages.0.tool_call_id"),
    ("messages", [{"role": "user", "content": "a", "mood": 1}], "messages.0.mood"),
    ("messages", "hi", "messages"),
    ("model", "", "model"),
    ("model", 5, "model"),
    ("tools", [TOOL] * 129, "tools"),
    ("tools", [TOOL, TOOL], "tools"),
    ("tools", [{"type": "function", "function": {"name": "with space"}}], "tools.0.function.name"),
    ("tool_choice", "required", "tool_choice"),
    ("tool_choice", {"type": "function", "function": {"name": "ghost"}}, "tool_choice"),
    ("response_format", {"type": "json_schema", "json_schema": {"name": "n"}}, "response_format.json_schema.schema"),
    ("response_format", {"type": "yaml"}, "response_format.type"),
    ("metadata", {str(i): "v" for i in range(17)}, "metadata"),
    ("metadata", {"a": 1}, "metadata"),
    ("stream", "yes", "stream"),
    ("top_k", 0, "top_k"),
    ("min_p", 1.1, "min_p"),
    ("safety_identifier", "x" * 65, "safety_identifier"),
]


@pytest.mark.parametrize(("parameter", "value", "param"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_refused_by_path(server: Live, parameter: str, value: Any, param: str) -> None:
    with server.client() as client:
        body = {"model": "default", "messages": user("hi")} | {parameter: value}
        response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == param
    assert len(response.json()["error"]["message"]) < 300


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": "a"}, "model"),
        ({"model": "default"}, "prompt"),
        ({"model": "default", "prompt": []}, "prompt"),
        ({"model": "default", "prompt": ["a"] * 17}, "prompt"),
        ({"model": "default", "prompt": [-1]}, "prompt.0"),
        ({"model": "default", "prompt": ["a", 1]}, "prompt.1"),
        ({"model": "default", "prompt": ["a"] * 9, "n": 2}, "n"),
        ({"model": "default", "prompt": "a", "best_of": 1, "n": 2}, "best_of"),
        ({"model": "default", "prompt": "a", "logprobs": 6}, "logprobs"),
    ],
)
def test_completions_refuse_by_path_too(server: Live, body: dict[str, Any], param: str) -> None:
    with server.client() as client:
        response = client.post("/v1/completions", json=body)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("value", "param"),
    [("", "input"), ([], "input"), (["a", ""], "input.1"), (["a"] * 2049, "input"), ([[]], "input.0"), (5, "input")],
)
def test_embeddings_refuse_by_path_too(server: Live, value: Any, param: str) -> None:
    with server.client() as client:
        response = client.post("/v1/embeddings", json={"model": "vectors", "input": value})
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": " \n"}, "prompt", "invalid_value"),
        ({"prompt": "x" * 32_001}, "prompt", "invalid_value"),
        ({"prompt": 5}, "prompt", "invalid_type"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 11}, "n", "invalid_value"),
        ({"n": "2"}, "n", "invalid_type"),
        ({"size": "0x64"}, "size", "invalid_value"),
        ({"size": "64"}, "size", "invalid_value"),
        ({"size": "99999x99999"}, "size", "invalid_value"),
        ({"seed": -1}, "seed", "invalid_value"),
        ({"seed": 2**63 - 1, "n": 2}, "seed", "invalid_value"),
        ({"steps": 0}, "steps", "invalid_value"),
        ({"guidance": 101}, "guidance", "invalid_value"),
        ({"partial_images": 4, "stream": True}, "partial_images", "invalid_value"),
        ({"partial_images": 1}, "partial_images", "invalid_value"),
        ({"progress": True}, "progress", "invalid_value"),
        ({"output_format": "gif"}, "output_format", "invalid_value"),
        ({"output_compression": 101}, "output_compression", "invalid_value"),
        ({"output_compression": 50}, "output_compression", "invalid_value"),
        ({"output_format": "jpeg", "background": "transparent"}, "background", "invalid_value"),
        ({"detach": True, "stream": True}, "detach", "invalid_value"),
        ({"response_format": "url", "stream": True}, "response_format", "unsupported_parameter"),
        ({"model": "default", "strength": 0.5}, "strength", "unknown_parameter"),
    ],
)
def test_pictures_refuse_by_name(server: Live, more: dict[str, Any], param: str, code: str) -> None:
    with server.client() as client:
        response = client.post("/v1/images/generations", json={"prompt": "hi"} | more)
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (400, param, code)
    assert len(error["message"]) < 300


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"image": None}, "image", "invalid_value"),
        ({"images": [PICTURE]}, "image", "invalid_value"),
        ({"image": []}, "image", "invalid_value"),
        ({"image": {"image_url": "data:image/png;base64,!"}}, "image.0", "invalid_value"),
        ({"image": {"image_url": "data:image/png;base64,AAAA"}}, "image", "invalid_image_file"),
        ({"image": {"image_url": 5}}, "image.0", "invalid_value"),
        ({"mask": {"image_url": PICTURE["image_url"], "x": 1}}, "mask", "invalid_value"),
        ({"mask": PICTURE}, "mask", "invalid_image_file"),
        ({"strength": 1.5}, "strength", "invalid_value"),
    ],
)
def test_edits_refuse_by_name(server: Live, more: dict[str, Any], param: str, code: str) -> None:
    with server.client() as client:
        response = client.post("/v1/images/edits", json={"prompt": "hi", "image": PICTURE} | more)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, code), error
    assert error["param"] in (param, param.removesuffix(".0"))
