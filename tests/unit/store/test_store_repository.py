"""Whole models out of a hub's repository, against a real HTTP server on the loopback address."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_toys import HubServer, ToyEngines, pipeline_files, serving, write_safetensors

from aigc.engines.diffusers_weights import common, precision_of, precision_of_index
from aigc.errors import ChecksumMismatch, EngineMissing, InvalidModelFile, StorageFull, StoreError, UserError
from aigc.store import Store
from aigc.store.entry import HuggingFace, ModelScope
from aigc.store.progress import Progress
from aigc.store.reference import understand
from aigc.store.sources import repository

NEEDED = [
    "README.md",
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.fp16.safetensors",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.fp16.safetensors",
]


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with serving(HubServer(files=pipeline_files())) as running:
        yield running


@pytest.fixture
def store(hub: HubServer, make_store: Callable[..., Store]) -> Store:
    return make_store(hf_endpoint=hub.url)


def _files(store: Store, model: str = "toy-pipeline") -> list[str]:
    weights = Path(store.show(model)["folder"]) / "weights"
    return sorted(path.relative_to(weights).as_posix() for path in weights.rglob("*") if path.is_file())


def test_a_pipeline_arrives_in_16_bits_without_pickles_and_pinned_to_a_commit(store: Store, hub: HubServer) -> None:
    told: list[Progress] = []
    spec = store.pull("hf:owner/toy-pipeline", on_progress=told.append)
    assert (spec.id, spec.capabilities, spec.licence) == ("toy-pipeline", ("image", "image_edit"), "openrail++")
    assert _files(store) == NEEDED
    shown = store.show("toy-pipeline")
    assert (shown["trust"], shown["quantisation"]) == ("hub", "fp16")
    assert shown["source"] == f"{hub.url} owner/toy-pipeline at {'c' * 40}"
    assert list(store.verify("toy-pipeline")) == []
    total = sum(len(hub.files[name]) for name in NEEDED)
    sentence = f"StableDiffusionPipeline, fp16 (there are: full, fp16), 9 files at {'c' * 12}, licence openrail++"
    assert [p for p in told if p.stage == "choosing"] == [Progress("choosing", sentence, 0, total)]
    done = [p.done_bytes for p in told if p.stage == "downloading"]
    assert done == sorted(done)
    assert done[-1] == total
    assert all("/resolve/cccc" in path for _, path, _ in hub.seen if "/resolve/" in path)


@pytest.mark.parametrize(("word", "precision"), [("full", "unknown"), ("fp16", "fp16")])
def test_a_precision_can_be_asked_for(word: str, precision: str, store: Store, hub: HubServer) -> None:
    store.pull(f"hf:owner/toy-pipeline@main#{word}", name="mine")
    assert ("unet/diffusion_pytorch_model.safetensors" in _files(store, "mine")) == (word == "full")
    assert store.show("mine")["quantisation"] == precision


def test_a_precision_that_only_some_parts_have_is_not_taken(store: Store, hub: HubServer) -> None:
    del hub.files["text_encoder/model.fp16.safetensors"]
    with pytest.raises(InvalidModelFile, match="has no fp16 weights for all parts; there are: full"):
        store.pull("hf:owner/toy-pipeline#fp16")
    store.pull("hf:owner/toy-pipeline")
    assert store.show("toy-pipeline")["quantisation"] == "unknown"


def test_pickles_alone_are_refused_by_name_before_anything_large_is_fetched(store: Store, hub: HubServer) -> None:
    for name in [name for name in hub.files if name.startswith("unet/") and name.endswith(".safetensors")]:
        del hub.files[name]
    with pytest.raises(InvalidModelFile, match=r"weights of 'unet' are there only as pytorch_model\.bin"):
        store.pull("hf:owner/toy-pipeline")
    assert hub.asked == ["model_index.json"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"_class_name": "OwnPipeline"}, "names the pipeline 'OwnPipeline'; accepted: StableDiffusionPipeline"),
        ({"unet": ["own_code", "Net"]}, "the component 'unet' is"),
        ({"vae": ["diffusers", "AutoencoderKL"]}, "names the component 'vae', which isn't there"),
    ],
)
def test_a_pipeline_that_can_not_be_served_is_refused_at_once(
    change: dict[str, object], words: str, store: Store, hub: HubServer
) -> None:
    index = json.loads(hub.files["model_index.json"])
    hub.files["model_index.json"] = json.dumps({**index, **change}).encode()
    with pytest.raises(InvalidModelFile, match=words):
        store.pull("hf:owner/toy-pipeline")
    assert hub.asked == ["model_index.json"]


def test_a_missing_or_private_repository_and_a_missing_revision_say_so(store: Store) -> None:
    with pytest.raises(StoreError, match="no such repository, or a private one") as caught:
        store.pull("hf:owner/none")
    assert "AIGC_HF_TOKEN" in str(caught.value.hint)
    with pytest.raises(StoreError, match="no such revision"):
        store.pull("hf:owner/toy-pipeline@v9")


def test_a_gated_repository_needs_a_token_which_is_sent(
    store: Store, hub: HubServer, make_store: Callable[..., Store]
) -> None:
    hub.gated = True
    with pytest.raises(StoreError, match="needs an account that accepted its licence") as caught:
        store.pull("hf:owner/toy-pipeline")
    assert "AIGC_HF_TOKEN" in str(caught.value.hint)
    make_store(hf_endpoint=hub.url, hf_token="hf_secret").pull("hf:owner/toy-pipeline")
    assert hub.seen[-1][2]["authorization"] == "Bearer hf_secret"


def test_a_file_that_vanishes_leaves_the_others_for_the_next_try(store: Store, hub: HubServer) -> None:
    hub.gone = {"unet/diffusion_pytorch_model.fp16.safetensors"}
    with pytest.raises(StoreError, match=r"no such file \(404\)"):
        store.pull("hf:owner/toy-pipeline")
    hub.gone, before = set(), len(hub.asked)
    store.pull("hf:owner/toy-pipeline")
    assert hub.asked[before:] == ["unet/diffusion_pytorch_model.fp16.safetensors", "README.md"]


@pytest.mark.parametrize("name", ["unet/diffusion_pytorch_model.fp16.safetensors", "tokenizer/vocab.json"])
def test_other_bytes_than_the_hub_states_are_thrown_away(name: str, store: Store, hub: HubServer) -> None:
    hub.lies = {name}
    with pytest.raises(ChecksumMismatch, match=name.rpartition("/")[2]):
        store.pull("hf:owner/toy-pipeline")
    hub.lies = set()
    store.pull("hf:owner/toy-pipeline")
    assert _files(store) == NEEDED


def test_a_full_disk_is_told_before_the_first_large_file(
    store: Store, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(repository.shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(StorageFull, match=r"toy-pipeline needs 0 MB .* 0 MB are free"):
        store.pull("hf:owner/toy-pipeline")
    assert hub.asked == ["model_index.json"]


def test_a_missing_engine_is_told_before_the_first_large_file(
    store: Store, hub: HubServer, engines: ToyEngines
) -> None:
    engines.broken = frozenset({"diffusers"})
    with pytest.raises(EngineMissing, match="diffusers is not installed"):
        store.pull("hf:owner/toy-pipeline")
    assert hub.asked == ["model_index.json"]


def test_what_was_killed_goes_on_in_the_middle_of_a_file(hub: HubServer, tmp_path: Path) -> None:
    large = "unet/diffusion_pytorch_model.fp16.safetensors"
    hub.files[large] = write_safetensors({"unet": [1_500_000]})
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from store_toys import ToyEngines
        from aigc.settings import Settings
        from aigc.store import Store
        def die(progress):
            if progress.file.endswith("model.fp16.safetensors") and progress.done_bytes > 3_000_000:
                os.kill(os.getpid(), signal.SIGKILL)
        kill = None if sys.argv[3] == "no" else die
        store = Store(Settings(home=Path(sys.argv[1]), hf_endpoint=sys.argv[2]), engines=ToyEngines)
        store.pull("hf:owner/toy-pipeline", on_progress=kill)
    """)

    def pull(killed: str) -> int:
        command = [sys.executable, "-c", program, str(tmp_path), hub.url, killed]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(command, check=False, timeout=120, env=environment).returncode

    assert pull("yes") == -signal.SIGKILL
    hub.seen.clear()
    assert pull("no") == 0
    fetched = {p.rpartition(f"{'c' * 40}/")[2]: h for _, p, h in hub.seen if "/resolve/" in p}
    assert set(fetched) == {large, "README.md"}
    assert int(fetched[large]["range"].removeprefix("bytes=").rstrip("-")) > 2_000_000
    folder = tmp_path / "models" / "toy-pipeline" / "weights"
    assert (folder / large).read_bytes() == hub.files[large]


def test_a_folder_that_was_published_is_taken_by_what_its_description_names(store: Store, hub: HubServer) -> None:
    source = Path(__file__).parents[3] / "weights" / "aigc-restore"
    hub.files = {path.name: path.read_bytes() for path in source.iterdir()} | {"other.safetensors": b"x"}
    spec = store.pull("hf:owner/toy-pipeline", name="mine")
    assert spec.capabilities == ("restoration",)
    assert _files(store, "mine") == ["README.md", "model.json", "restorer.onnx", "restorer.safetensors"]


def test_a_whisper_for_ctranslate2_is_taken_with_its_vocabulary_and_nothing_else(store: Store, hub: HubServer) -> None:
    hub.files = {
        "README.md": b"---\nlicense: mit\n---\n",
        "config.json": b"{}",
        "model.bin": b"\x06\0\0\0\x0c\0WhisperSpec\0" + bytes(100),
        "pytorch_model.bin": b"x",
        "tokenizer.json": b"{}",
        "vocabulary.json": json.dumps([f"t{n}" for n in range(51_866)]).encode(),
    }
    spec = store.pull("hf:owner/toy-pipeline", name="whisper-toy")
    assert (spec.capabilities, spec.licence) == (("transcription", "translation"), "MIT")
    assert _files(store, "whisper-toy") == [
        "README.md",
        "config.json",
        "model.bin",
        "tokenizer.json",
        "vocabulary.json",
    ]


def test_a_repository_without_a_pipeline_names_what_can_be_taken(store: Store, hub: HubServer) -> None:
    hub.files = {"README.md": b"#", "small-q4.gguf": b"GGUF"}
    with pytest.raises(StoreError, match="holds neither a pipeline of diffusers") as caught:
        store.pull("hf:owner/toy-pipeline")
    assert caught.value.hint == "name one of its files, like small-q4.gguf"


def test_a_list_of_another_form_is_an_error(store: Store, hub: HubServer) -> None:
    hub.commit = "main"
    with pytest.raises(StoreError, match="the hub's list of files has an unknown form"):
        store.pull("hf:owner/toy-pipeline")


def test_paths_that_leave_the_folder_are_never_fetched(store: Store, hub: HubServer) -> None:
    hub.files |= {"unet/../../evil.json": b"{}", "unet/.hidden.json": b"{}", "unet/a b.json": b"{}"}
    store.pull("hf:owner/toy-pipeline")
    assert _files(store) == NEEDED


def test_modelscope_lists_a_pipeline_too(make_store: Callable[..., Store]) -> None:
    files = pipeline_files()

    class Scope(HubServer):
        def answer(self, handler) -> None:
            self.seen.append((handler.command, handler.path, {}))
            path = handler.path.partition("?")[0]
            self.etag, self.headers = None, {}
            if path == "/api/v1/models/owner/toy/repo/files":
                from store_toys import sha256

                listed = [{"Path": n, "Size": len(b), "Sha256": sha256(b), "Type": "blob"} for n, b in files.items()]
                listed.append({"Path": "unet", "Size": 0, "Sha256": "", "Type": "tree"})
                self.content = json.dumps({"Code": 200, "Data": {"Files": listed}}).encode()
            else:
                self.content = files[path.removeprefix("/models/owner/toy/resolve/master/")]
            self._send(handler)

    with serving(Scope()) as scope:
        store = make_store(modelscope_endpoint=scope.url)
        assert store.pull("ms:owner/toy").id == "toy"
        assert _files(store, "toy") == NEEDED
        assert store.show("toy")["source"] == f"{scope.url} owner/toy at master"


def test_the_hubs_own_client_takes_the_server_of_these_tests_for_a_hub(hub: HubServer, tmp_path: Path) -> None:
    """A cross-check: what our code is held against has the shapes that Hugging Face's client expects."""
    hub_client = pytest.importorskip("huggingface_hub")
    told = hub_client.HfApi(endpoint=hub.url).model_info("owner/toy-pipeline", files_metadata=True)
    assert told.sha == "c" * 40
    large = next(s for s in told.siblings if s.rfilename == "unet/diffusion_pytorch_model.safetensors")
    assert (large.size, large.lfs.size) == (len(hub.files[large.rfilename]),) * 2
    path = hub_client.hf_hub_download(
        "owner/toy-pipeline", large.rfilename, endpoint=hub.url, cache_dir=tmp_path, token=False
    )
    assert Path(path).read_bytes() == hub.files[large.rfilename]
    assert Path(path).resolve().name == large.lfs.sha256


@pytest.mark.parametrize(
    ("word", "source"),
    [
        ("hf:a/b", HuggingFace(repo="a/b", files=())),
        ("hf:a/b@v1#fp16", HuggingFace(repo="a/b", files=(), revision="v1", variant="fp16")),
        ("ms:a/b", ModelScope(repo="a/b", files=())),
    ],
)
def test_a_repository_alone_means_the_whole_model(word: str, source: object, store: Store) -> None:
    assert understand(word, None, store.catalogue()).sources == (source,)


@pytest.mark.parametrize(
    ("word", "words"),
    [("hf:a/b#int8", "accepted: #full, #fp16, #bf16"), ("hf:a/b/c.bin", "is not understood"), ("hf:a", "is not")],
)
def test_other_words_are_refused(word: str, words: str, store: Store) -> None:
    with pytest.raises(UserError, match=words):
        store.pull(word)


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("diffusion_pytorch_model.safetensors", "full"),
        ("model-00001-of-00003.safetensors", "full"),
        ("diffusion_pytorch_model.fp16.safetensors", "fp16"),
        ("model.bf16-00001-of-00002.safetensors", "bf16"),
        ("model-00001-of-00002.fp16.safetensors", "fp16"),
        ("diffusion_pytorch_model.non_ema.safetensors", None),
        ("model.int8.safetensors", None),
        ("pytorch_model.bin", None),
    ],
)
def test_the_precision_of_weights_is_in_their_name(name: str, precision: str | None) -> None:
    assert precision_of(name) == precision


def test_lists_of_parts_have_a_precision_too() -> None:
    assert precision_of_index("diffusion_pytorch_model.safetensors.index.json") == "full"
    assert precision_of_index("model.safetensors.index.fp16.json") == "fp16"
    assert precision_of_index("pytorch_model.bin.index.json") is None
    assert common([["model.safetensors", "model.fp16.safetensors"], ["config.json"], ["model.safetensors"]]) == ["full"]
