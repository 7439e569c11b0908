"""Toy models, wheels and servers for the tests of the store: small, but made by the real tools."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gguf
import numpy as np

from aigc.errors import EngineError, EngineMissing
from aigc.store.entry import Card, Entry, Licence, Source, WheelPart, Wheels
from aigc.types import EngineFile

TOKENS = ["<s>", "</s>", "a", "b", "ab", "Ġ", "你", "好"]
TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"


def write_gguf(
    path: Path, *, template: str | None = TEMPLATE, seed: int = 0, rows: int = 4, licence: str = "mit"
) -> Path:
    """A tiny but complete llama-like file, written by ggml's own writer."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Toy")
    writer.add_license(licence)
    writer.add_context_length(128)
    writer.add_block_count(2)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3, 1, 1, 1, 1, 1, 1])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_bool("toy.flag", True)
    writer.add_array("toy.numbers", [1, 2, 3])
    if template is not None:
        writer.add_chat_template(template)
    random = np.random.default_rng(seed)
    writer.add_tensor("token_embd.weight", random.standard_normal((8, 64), dtype=np.float32))
    blocks = gguf.quants.quantize(random.standard_normal((rows, 64), dtype=np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.0.attn_q.weight", blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("output_norm.weight", random.standard_normal(64).astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_wheel(
    folder: Path, project: str, member: str, data: bytes, *, version: str = "1.0", tag: str = "py3-none-any"
) -> WheelPart:
    """A real wheel with one data file in it, and what the catalogue would say about it."""
    return write_wheel_of(folder, project, {member: data}, version=version, tag=tag)[0]


def write_wheel_of(
    folder: Path, project: str, members: dict[str, bytes], *, version: str = "1.0", tag: str = "py3-none-any"
) -> list[WheelPart]:
    """A real wheel with several data files in it, and what the catalogue would say about each."""
    name = project.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    files = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: toy\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    lines = [
        f"{n},sha256={base64.urlsafe_b64encode(hashlib.sha256(d).digest()).rstrip(b'=').decode()},{len(d)}"
        for n, d in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]).encode()
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for n, d in files.items():
            archive.writestr(n, d)
    content = path.read_bytes()
    return [
        WheelPart(
            project=project,
            version=version,
            wheel_bytes=len(content),
            wheel_sha256=sha256(content),
            member=member,
            member_bytes=len(data),
            member_sha256=sha256(data),
        )
        for member, data in members.items()
    ]


def split_into_wheels(folder: Path, data: bytes, count: int, *, name: str = "toy") -> tuple[WheelPart, ...]:
    """The data, spread over several wheels."""
    step = -(-len(data) // count)
    return tuple(
        write_wheel(folder, f"{name}-part{n}", f"{name}_part{n}/data/part.bin", data[n * step : (n + 1) * step])
        for n in range(count)
    )


def entry(model_id: str, *sources: Source, size: int = 1000, **fields: object) -> Entry:
    """An entry of a toy model."""
    values: dict[str, object] = {
        "title": model_id,
        "capabilities": ("chat", "completion"),
        "architecture": "llama",
        "parameters": 1,
        "quantisation": "Q8_0",
        "licence": Licence(spdx="MIT", url="https://example.org/licence"),
        "card": Card(en="A toy.", zh="玩具。"),
        "context_tokens": 1,
        "memory_bytes": size,
        "engines": ("first", "second"),
    }
    return Entry(id=model_id, sources=sources, size_bytes=size, **{**values, **fields})  # type: ignore[arg-type]


def wheel_source(parts: Sequence[WheelPart], file: str = "toy.gguf", platform: str | None = None) -> Wheels:
    return Wheels(file=file, parts=tuple(parts), platform=platform)


@dataclass
class ToyEngines:
    """Two engines: `first` converts into a folder of its own, `second` takes the file as it is."""

    broken: frozenset[str] = frozenset()
    calls: list[str] = field(default_factory=list)
    memory_bytes: int = 1000

    def engines_for(self, weights: Path) -> Sequence[str]:
        return ["first", "second"]

    def check_installed(self, engine: str) -> None:
        if engine in self.broken:
            raise EngineMissing(f"the engine {engine} is not installed")

    def prepare(self, engine: str, weights: Path, folder: Path, on_progress: Callable[[float], None]) -> EngineFile:
        self.calls.append(engine)
        on_progress(0.5)
        if engine in self.broken:
            raise EngineError(f"{engine} does not like this file")
        if engine == "first":
            folder.mkdir(exist_ok=True)
            (folder / "model.xml").write_text("<net/>")
            return EngineFile(engine=engine, path=str(folder), memory_bytes=self.memory_bytes, cache_bytes_per_token=4)
        return EngineFile(engine=engine, path=str(weights), memory_bytes=self.memory_bytes)


@dataclass
class FileServer:
    """An HTTP server with one file, whose habits a test can change."""

    content: bytes
    etag: str | None = '"one"'
    ranges: bool = True
    fail_first: list[int] = field(default_factory=list)
    """Statuses to answer with before behaving."""
    cut_after: list[int] = field(default_factory=list)
    """Body lengths after which the connection is dropped, one for each answer."""
    redirect_to: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.seen.append((handler.command, handler.path, {k.lower(): v for k, v in handler.headers.items()}))
        if self.fail_first:
            self._end(handler, self.fail_first.pop(0))
        elif self.redirect_to is not None:
            self._end(handler, 302, {"Location": self.redirect_to, **self.headers})
        else:
            self._send(handler)

    def _send(self, handler: BaseHTTPRequestHandler) -> None:
        start = 0
        asked = handler.headers.get("Range")
        if asked and self.ranges and handler.headers.get("If-Range") == self.etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(self.content):
                self._end(handler, 416)
                return
        body = self.content[start:]
        extra = {"Content-Range": f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"} if start else {}
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in {**extra, **({"ETag": self.etag} if self.etag else {}), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if self.cut_after:
            body = body[: self.cut_after.pop(0)]
            handler.close_connection = True
        handler.wfile.write(body)

    def _end(self, handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str] | None = None) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    """Run it on a free port of the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.answer(self)

        do_HEAD = do_GET  # noqa: N815 (the name is given by http.server)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def write_safetensors(shapes: dict[str, list[int]], fill: int = 0) -> bytes:
    """A file of float32, all bytes alike."""
    header, place = {}, 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes([fill]) * place


@dataclass
class HubServer(FileServer):
    """One repository as Hugging Face shows it: its list of files, and files behind ``resolve`` (large ones as LFS)."""

    content: bytes = b""
    repo: str = "owner/toy-pipeline"
    files: dict[str, bytes] = field(default_factory=dict)
    commit: str = "c" * 40
    large_from: int = 1000
    lies: set[str] = field(default_factory=set)
    """Files whose sum is stated wrongly."""
    gone: set[str] = field(default_factory=set)
    """Files that are listed and not there."""
    gated: bool = False
    asked: list[str] = field(default_factory=list)
    """Paths of the files that were sent."""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.seen.append((handler.command, handler.path, {k.lower(): v for k, v in handler.headers.items()}))
        path, _, query = handler.path.partition("?")
        if path.startswith("/api/models/"):
            self._list(handler, path, query)
            return
        revision, _, name = path.removeprefix(f"/{self.repo}/resolve/").partition("/")
        if self.gated and not handler.headers.get("Authorization"):
            self._end(handler, 401, {"X-Error-Code": "GatedRepo"})
        elif revision not in (self.commit, "main") or name not in self.files or name in self.gone:
            self._end(handler, 404, {"X-Error-Code": "EntryNotFound"})
        else:
            self.asked.append(name)
            body = self.files[name]
            linked = {"X-Linked-Etag": f'"{sha256(body)}"', "X-Linked-Size": str(len(body))}
            self.content, self.etag = body, f'"{git_name(body)}"'
            self.headers = {"X-Repo-Commit": self.commit, **(linked if len(body) >= self.large_from else {})}
            self._send(handler)

    def _list(self, handler: BaseHTTPRequestHandler, path: str, query: str) -> None:
        repo, _, revision = path.removeprefix("/api/models/").partition("/revision/")
        if repo != self.repo:
            self._end(handler, 401, {"X-Error-Code": "RepoNotFound"})
            return
        if revision not in ("", "main", self.commit):
            self._end(handler, 404, {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = [self._sibling(name, body, "blobs" in query) for name, body in self.files.items()]
        told = {"id": self.repo, "sha": self.commit, "siblings": siblings, "cardData": {"license": "openrail++"}}
        self.content, self.etag, self.headers = json.dumps(told).encode(), None, {"Content-Type": "application/json"}
        self._send(handler)

    def _sibling(self, name: str, body: bytes, blobs: bool) -> dict[str, object]:
        if not blobs:
            return {"rfilename": name}
        told: dict[str, object] = {"rfilename": name, "size": len(body), "blobId": git_name(body)}
        if len(body) >= self.large_from:
            told["lfs"] = {"sha256": sha256(body), "size": len(body), "pointerSize": 134}
        if name in self.lies:
            told |= {"lfs": {**told["lfs"], "sha256": "0" * 64}} if "lfs" in told else {"blobId": "0" * 40}
        return told


def git_name(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def pipeline_files(**more: bytes) -> dict[str, bytes]:
    """A repository with a pipeline, as Stable Diffusion's is: two precisions, pickles and other things beside them."""
    index = {
        "_class_name": "StableDiffusionPipeline",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "safety_checker": [None, None],
    }
    parts = {"unet": "diffusion_pytorch_model", "text_encoder": "model"}
    weights = {}
    for part, head in parts.items():
        weights[f"{part}/config.json"] = b"{}"
        weights[f"{part}/{head}.safetensors"] = write_safetensors({part: [1000]}, 1)
        weights[f"{part}/{head}.fp16.safetensors"] = write_safetensors({part: [500]}, 2)
        weights[f"{part}/pytorch_model.bin"] = b"pickle" * 1000
    return {
        ".gitattributes": b"*.safetensors filter=lfs",
        "README.md": b"---\nlanguage: en\nlicense: openrail++\n---\n# Toy\n",
        "toy-v1.ckpt": b"pickle" * 1000,
        "toy-v1.safetensors": write_safetensors({"all": [9000]}),
        "model_index.json": json.dumps(index).encode(),
        "scheduler/scheduler_config.json": b"{}",
        "tokenizer/vocab.json": b'{"a": 0}',
        "tokenizer/merges.txt": b"#version: 0.2\n",
        "unet/diffusion_pytorch_model.non_ema.safetensors": write_safetensors({"unet": [1000]}, 3),
        **weights,
        **more,
    }
