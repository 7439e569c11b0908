"""The downloader and the hubs, against a real HTTP server on the loopback address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from store_toys import FileServer, serving, sha256

from aigc.errors import ChecksumMismatch, StoreError
from aigc.settings import Settings
from aigc.store.entry import HuggingFace, ModelScope, Url
from aigc.store.progress import Progress
from aigc.store.sources.http import Download, Downloader
from aigc.store.sources.hubs import HuggingFaceFetcher, ModelScopeFetcher, UrlFetcher

DATA = bytes(range(256)) * 20_000
COMMIT = "a" * 40


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer(DATA)) as running:
        yield running


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def downloader(slept: list[float]) -> Iterator[Downloader]:
    with httpx.Client(timeout=5) as client:
        yield Downloader(client, slept.append)


def wanted(server: FileServer, digest: str | None = None, **headers: str) -> Download:
    return Download(f"{server.url}/file.gguf", "file.gguf", headers, sha256=digest)


def test_a_file_arrives_with_its_sum_and_progress(server: FileServer, downloader: Downloader, tmp_path: Path) -> None:
    seen: list[Progress] = []
    digest = downloader.download(wanted(server), tmp_path / "f.part", seen.append)
    assert digest == sha256(DATA)
    assert (tmp_path / "f.part").read_bytes() == DATA
    assert seen[0] == Progress("downloading", "file.gguf", 0, len(DATA))
    assert seen[-1] == Progress("downloading", "file.gguf", len(DATA), len(DATA))
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["f.part"]


def test_a_cut_connection_goes_on_where_it_stopped(
    server: FileServer, downloader: Downloader, tmp_path: Path, slept: list[float]
) -> None:
    server.cut_after = [3_000_000]
    assert downloader.download(wanted(server), tmp_path / "f.part", lambda p: None) == sha256(DATA)
    have = int(server.seen[1][2]["range"].removeprefix("bytes=").rstrip("-"))
    assert 0 < have <= 3_000_000
    assert server.seen[1][2]["if-range"] == '"one"'
    assert slept == [1.0]


def test_another_process_goes_on_where_the_first_was_killed(
    server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def kill(progress: Progress) -> None:
        if progress.done_bytes > 2_000_000:
            raise Killed

    with pytest.raises(Killed):
        downloader.download(wanted(server), tmp_path / "f.part", kill)
    have = (tmp_path / "f.part").stat().st_size
    assert have >= 2_000_000
    assert downloader.download(wanted(server), tmp_path / "f.part", lambda p: None) == sha256(DATA)
    assert server.seen[-1][2]["range"] == f"bytes={have}-"


def test_a_file_that_changed_in_between_starts_over(server: FileServer, downloader: Downloader, tmp_path: Path) -> None:
    server.cut_after = [3_000_000] * 6
    server.ranges = False
    with pytest.raises(StoreError, match="6 tries"):
        downloader.download(wanted(server), tmp_path / "f.part", lambda p: None)
    server.content, server.etag, server.ranges = DATA[::-1], '"two"', True
    assert downloader.download(wanted(server), tmp_path / "f.part", lambda p: None) == sha256(DATA[::-1])


def test_a_server_without_entity_tags_is_never_asked_for_the_rest(
    server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    server.etag = None
    server.cut_after = [3_000_000]
    assert downloader.download(wanted(server), tmp_path / "f.part", lambda p: None) == sha256(DATA)
    assert "range" not in server.seen[1][2]


def test_a_passing_fault_is_tried_again_with_longer_waits(
    server: FileServer, downloader: Downloader, tmp_path: Path, slept: list[float]
) -> None:
    server.fail_first = [503, 429, 500]
    assert downloader.download(wanted(server), tmp_path / "f.part", lambda p: None) == sha256(DATA)
    assert slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(("status", "said"), [(404, "no such file"), (401, "account"), (403, "account"), (410, "410")])
def test_a_lasting_refusal_is_told_at_once(
    status: int, said: str, server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    server.fail_first = [status]
    with pytest.raises(StoreError, match=said):
        downloader.download(wanted(server), tmp_path / "f.part", lambda p: None)
    assert len(server.seen) == 1


def test_a_dead_server_is_an_error_after_six_tries(downloader: Downloader, tmp_path: Path, slept: list[float]) -> None:
    with serving(FileServer(DATA)) as gone:
        pass
    with pytest.raises(StoreError, match="6 tries"):
        downloader.download(wanted(gone), tmp_path / "f.part", lambda p: None)
    assert slept == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_other_bytes_than_promised_are_thrown_away(server: FileServer, downloader: Downloader, tmp_path: Path) -> None:
    with pytest.raises(ChecksumMismatch, match="expected " + "0" * 64):
        downloader.download(wanted(server, "0" * 64), tmp_path / "f.part", lambda p: None)
    assert list(tmp_path.glob("f.part*")) == []


def test_a_token_never_follows_a_redirect_to_another_host(
    server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    with serving(FileServer(b"", redirect_to=f"{server.url}/file.gguf")) as hub:
        downloader.download(wanted(hub, Authorization="Bearer secret"), tmp_path / "f.part", lambda p: None)
        assert hub.seen[0][2]["authorization"] == "Bearer secret"
    assert "authorization" not in server.seen[0][2]


def test_a_redirect_to_an_address_without_encryption_is_refused(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": "http://example.org/file.gguf"})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client, pytest.raises(StoreError, match="encryption"):
        Downloader(client).download(
            Download("https://example.org/file.gguf", "file.gguf", {}), tmp_path / "f.part", lambda p: None
        )


def test_redirects_in_a_circle_end(server: FileServer, downloader: Downloader, tmp_path: Path) -> None:
    server.redirect_to = f"{server.url}/again"
    with pytest.raises(StoreError, match="more than 10 times"):
        downloader.download(wanted(server), tmp_path / "f.part", lambda p: None)


# ---------------------------------------------------------------- hubs


def folders(tmp_path: Path) -> tuple[Path, Path]:
    target, work = tmp_path / "target", tmp_path / "work"
    target.mkdir()
    work.mkdir()
    return target, work


def test_hugging_face_states_the_sum_and_the_commit(server: FileServer, downloader: Downloader, tmp_path: Path) -> None:
    server.headers = {"X-Linked-Etag": f'"{sha256(DATA)}"', "X-Linked-Size": str(len(DATA)), "X-Repo-Commit": COMMIT}
    settings = Settings(hf_endpoint=server.url, hf_token="hf_secret")
    source = HuggingFace(repo="owner/repo", files=("sub/file.gguf",))
    delivery = HuggingFaceFetcher(source, settings, downloader).fetch(*folders(tmp_path), lambda p: None)
    (fetched,) = delivery.files
    assert (fetched.path.name, fetched.sha256, fetched.vouched) == ("file.gguf", sha256(DATA), "hub")
    assert fetched.path.read_bytes() == DATA
    assert delivery.origin == f"{server.url} owner/repo at {COMMIT}"
    assert [(m, p) for m, p, _ in server.seen] == [
        ("HEAD", "/owner/repo/resolve/main/sub/file.gguf"),
        ("GET", f"/owner/repo/resolve/{COMMIT}/sub/file.gguf"),
    ]
    assert {h["authorization"] for _, _, h in server.seen} == {"Bearer hf_secret"}


def test_what_the_catalogue_pins_beats_what_the_hub_states(
    server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    server.headers = {"X-Linked-Etag": f'"{sha256(DATA)}"'}
    source = HuggingFace(repo="owner/repo", files=("file.gguf",), sha256=("1" * 64,))
    with pytest.raises(ChecksumMismatch):
        HuggingFaceFetcher(source, Settings(hf_endpoint=server.url), downloader).fetch(
            *folders(tmp_path), lambda p: None
        )


def test_a_gated_file_says_that_a_token_is_needed(server: FileServer, downloader: Downloader, tmp_path: Path) -> None:
    server.fail_first = [401]
    source = HuggingFace(repo="owner/repo", files=("file.gguf",))
    with pytest.raises(StoreError) as caught:
        HuggingFaceFetcher(source, Settings(hf_endpoint=server.url), downloader).fetch(
            *folders(tmp_path), lambda p: None
        )
    assert "AIGC_HF_TOKEN" in str(caught.value.hint)


def test_modelscope_states_the_sum_in_its_list_of_files(tmp_path: Path) -> None:
    listing = {"Data": {"Files": [{"Path": "file.gguf", "Size": len(DATA), "Sha256": sha256(DATA)}]}}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/models/owner/repo/repo/files":
            assert request.url.query == b"Revision=master&Recursive=true"
            return httpx.Response(200, content=msgspec.json.encode(listing))
        assert request.url.path == "/models/owner/repo/resolve/master/file.gguf"
        return httpx.Response(200, content=DATA)

    settings = Settings(modelscope_endpoint="https://example.org")
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        source = ModelScope(repo="owner/repo", files=("file.gguf",))
        delivery = ModelScopeFetcher(source, settings, Downloader(client)).fetch(*folders(tmp_path), lambda p: None)
        assert (delivery.files[0].sha256, delivery.files[0].vouched) == (sha256(DATA), "hub")
        missing = ModelScope(repo="owner/repo", files=("other.gguf",))
        with pytest.raises(StoreError, match=r"no file 'other\.gguf'"):
            ModelScopeFetcher(missing, settings, Downloader(client)).fetch(tmp_path, tmp_path, lambda p: None)


def test_an_address_can_be_pinned(server: FileServer, downloader: Downloader, tmp_path: Path) -> None:
    url = f"{server.url}/file.gguf#sha256={sha256(DATA)}"
    target, work = folders(tmp_path)
    pinned = Url(url=url, file="file.gguf", sha256=(sha256(DATA),))
    assert UrlFetcher(pinned, Settings(), downloader).fetch(target, work, lambda p: None).files[0].vouched == "given"
    wrong = Url(url=url, file="other.gguf", sha256=("2" * 64,))
    with pytest.raises(ChecksumMismatch):
        UrlFetcher(wrong, Settings(), downloader).fetch(target, work, lambda p: None)


@pytest.mark.parametrize(
    "fetcher",
    [
        lambda s, d: HuggingFaceFetcher(HuggingFace(repo="a/b", files=("c",)), s, d),
        lambda s, d: ModelScopeFetcher(ModelScope(repo="a/b", files=("c",)), s, d),
        lambda s, d: UrlFetcher(Url(url="https://example.org/c", file="c"), s, d),
    ],
)
def test_offline_refuses_every_hub(fetcher: object, downloader: Downloader, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="AIGC_OFFLINE"):
        fetcher(Settings(offline=True), downloader).fetch(tmp_path, tmp_path, lambda p: None)  # type: ignore[operator]
