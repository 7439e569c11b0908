"""Archives of the npm index, against a real HTTP server on the loopback address; npm's configuration decides which."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from aigc.errors import ChecksumMismatch, StoreError, UserError
from aigc.settings import Settings, load
from aigc.store import npm
from aigc.store.progress import Progress
from aigc.store.sources.http import Downloader

CONTENT = bytes(range(256)) * 5000


@dataclass(frozen=True)
class Toy:
    name: str = "@toys/blocks"
    version: str = "1.2.3"
    sha256: str = hashlib.sha256(CONTENT).hexdigest()
    size_bytes: int = len(CONTENT)
    file: str = "blocks-1.2.3.tgz"


@dataclass
class Index:
    """An index with one package."""

    url: str = ""
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    tarball: str = ""

    def answer(self, path: str) -> bytes | None:
        if path == "/npm/@toys%2Fblocks/1.2.3":
            return json.dumps({"dist": {"tarball": self.tarball or f"{self.url}/npm/files/blocks.tgz"}}).encode()
        return CONTENT if path == "/npm/files/blocks.tgz" else None


@pytest.fixture
def index() -> Iterator[Index]:
    found = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.seen.append((self.path, self.headers.get("Authorization")))
            body = found.answer(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(toy: Toy, folder: Path, settings: Settings, npmrc: Path, seen: list[Progress] | None = None) -> None:
    told = [] if seen is None else seen
    with httpx.Client(timeout=5) as client:
        npm.fetch([toy], folder, settings, Downloader(client, lambda seconds: None), told.append, npmrc)


def test_an_archive_arrives_checked_with_progress_from_the_index_that_npms_file_names(
    index: Index, tmp_path: Path
) -> None:
    npmrc = tmp_path / "npmrc"
    host = index.url.removeprefix("http://")
    npmrc.write_text(f"; mine\nregistry = {index.url}/npm/\n//{host}/npm/:_authToken=abc\nfund=false\n")
    seen: list[Progress] = []
    fetch(Toy(), tmp_path / "packs", load({}), npmrc, seen)
    assert (tmp_path / "packs" / "blocks-1.2.3.tgz").read_bytes() == CONTENT
    assert index.seen == [("/npm/@toys%2Fblocks/1.2.3", "Bearer abc"), ("/npm/files/blocks.tgz", "Bearer abc")]
    assert seen[-1] == Progress("downloading", "blocks-1.2.3.tgz", len(CONTENT), len(CONTENT))
    index.seen.clear()
    fetch(Toy(), tmp_path / "packs", load({}), npmrc)
    assert index.seen == []


def test_other_bytes_than_promised_are_not_kept(index: Index, tmp_path: Path) -> None:
    settings = load({"AIGC_NPM_INDEX": f"{index.url}/npm"})
    with pytest.raises(ChecksumMismatch, match=r"blocks-1\.2\.3\.tgz has the sha256"):
        fetch(Toy(sha256="0" * 64), tmp_path, settings, tmp_path / "none")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("blocks")] == []


def test_offline_and_an_index_that_is_not_there_say_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="1 archives would have to be fetched, but the setting `offline`") as caught:
        fetch(Toy(), tmp_path, load({"AIGC_OFFLINE": "1"}), tmp_path / "none")
    assert (caught.value.hint or "").endswith(f"into {tmp_path}: @toys/blocks@1.2.3 as blocks-1.2.3.tgz")
    with pytest.raises(StoreError, match=r"@toys/blocks can't be fetched: .*can't be reached"):
        fetch(Toy(), tmp_path, load({"AIGC_NPM_INDEX": "http://127.0.0.1:9/npm"}), tmp_path / "none")


def test_a_package_that_the_index_lacks_and_an_answer_of_another_form_are_named(index: Index, tmp_path: Path) -> None:
    settings = load({"AIGC_NPM_INDEX": f"{index.url}/npm"})
    with pytest.raises(StoreError, match="404"):
        fetch(Toy(version="9.9.9"), tmp_path, settings, tmp_path / "none")
    index.tarball = "http://elsewhere.example/blocks.tgz"
    with pytest.raises(StoreError, match=r"lies at elsewhere\.example without encryption: refused"):
        fetch(Toy(), tmp_path, settings, tmp_path / "none")


def test_settings_come_before_npms_file_and_no_index_is_taken_for_granted(tmp_path: Path) -> None:
    npmrc = tmp_path / "npmrc"
    with pytest.raises(UserError, match="nothing names an index of npm packages"):
        npm.index(load({}), npmrc)
    npmrc.write_text('registry="https://mirror.example/npm/"\n')
    assert npm.index(load({}), npmrc)[0] == "https://mirror.example/npm"
    assert npm.index(load({"NPM_CONFIG_REGISTRY": "https://other.example"}), npmrc)[0] == "https://other.example"
    own = load({"NPM_CONFIG_REGISTRY": "https://other.example", "AIGC_NPM_INDEX": "https://own.example/"})
    assert npm.index(own, npmrc)[0] == "https://own.example"
    npmrc.write_text("registry=${MY_INDEX}\n")
    with pytest.raises(UserError, match="accepted: an address that begins with https"):
        npm.index(load({}), npmrc)
