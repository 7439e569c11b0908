"""What the word after `aigc pull` means, and what a folder may hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from store_toys import write_gguf

from aigc.errors import InvalidModelFile, StoreError, UnknownModel, UserError
from aigc.store import Store
from aigc.store.catalogue import Catalogue
from aigc.store.entry import HuggingFace, Local, ModelScope, Source, Url
from aigc.store.memory import available_memory_bytes
from aigc.store.reference import understand
from aigc.store.sources.local import folder_files

MakeStore = Callable[..., Store]
SUM = "ab" * 32
PARTS = tuple(f"big-0000{n}-of-00003.gguf" for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("word", "model_id", "source"),
    [
        ("hf:o/r/Model-Q4.gguf", "model-q4", HuggingFace(repo="o/r", files=("Model-Q4.gguf",))),
        ("hf:o/r@v1/a/b.gguf", "b", HuggingFace(repo="o/r", revision="v1", files=("a/b.gguf",))),
        ("ms:o/r/m.gguf", "m", ModelScope(repo="o/r", files=("m.gguf",))),
        (f"hf:o/r/{PARTS[0]}", "big", HuggingFace(repo="o/r", files=PARTS)),
        (
            "https://example.org/a/M%2B1.gguf?x=1",
            "m-1",
            Url(url="https://example.org/a/M%2B1.gguf?x=1", file="M+1.gguf"),
        ),
        (
            f"https://example.org/m.gguf#sha256={SUM}",
            "m",
            Url(url=f"https://example.org/m.gguf#sha256={SUM}", file="m.gguf", sha256=(SUM,)),
        ),
        ("./My Model.gguf", "my-model", Local(path="./My Model.gguf")),
        ("model.gguf", "model", Local(path="model.gguf")),
    ],
)
def test_a_word_is_understood(word: str, model_id: str, source: Source) -> None:
    wanted = understand(word, None, Catalogue(()))
    assert (wanted.id, wanted.entry, wanted.sources) == (model_id, None, (source,))


@pytest.mark.parametrize(
    "word",
    [
        "hf:o/r/",
        "hf:o/r/../x.gguf",
        "hf:o/r/model.safetensors",
        "hf:o/r@../x.gguf",
        "ms:../r/x.gguf",
        "hf:o/r/big-00001-of-99999.gguf",
        "ftp://example.org/m.gguf",
        "https://example.org/",
        "https://example.org/m.zip",
        "https://example.org/m.gguf#md5=1",
        "file:///etc/passwd.gguf",
        "./你好.gguf",
    ],
)
def test_a_word_that_means_nothing_is_refused(word: str) -> None:
    with pytest.raises(UserError):
        understand(word, None, Catalogue(()))


def test_a_bare_word_is_a_name_of_the_catalogue() -> None:
    with pytest.raises(UnknownModel):
        understand("nothing", None, Catalogue(()))


def folder(tmp_path: Path, *names: str) -> Path:
    root = tmp_path / "layout"
    root.mkdir()
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


@pytest.mark.parametrize("name", ["pytorch_model.bin", "m.pt", "m.pkl", "m.ckpt", "m.PTH", "modeling.py", "a/lib.so"])
def test_a_folder_with_something_that_runs_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidModelFile, match="can run code"):
        folder_files(folder(tmp_path, "config.json", "model.safetensors", name))


def test_an_openvino_binary_is_told_from_a_checkpoint_by_the_xml_beside_it(tmp_path: Path) -> None:
    root = folder(tmp_path, "config.json", "openvino_model.xml", "openvino_model.bin", ".git/config")
    assert [p.name for p in folder_files(root)] == ["config.json", "openvino_model.bin", "openvino_model.xml"]


def test_strange_files_links_and_names_in_a_folder_are_refused(tmp_path: Path) -> None:
    root = folder(tmp_path, "config.json", "video.mp4")
    with pytest.raises(InvalidModelFile, match="no engine here reads"):
        folder_files(root)
    (root / "video.mp4").unlink()
    (root / "gone.json").symlink_to("/nowhere")
    with pytest.raises(InvalidModelFile, match="no regular file"):
        folder_files(root)
    (root / "gone.json").unlink()
    (root / "a b.json").write_text("{}")
    with pytest.raises(InvalidModelFile, match="characters"):
        folder_files(root)


def test_a_folder_is_installed(make_store: MakeStore, tmp_path: Path) -> None:
    root = folder(tmp_path, "openvino_model.xml", "openvino_model.bin")
    (root / "config.json").write_text(json.dumps({"model_type": "llama", "max_position_embeddings": 2048}))
    (root / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x"}))
    store = make_store()
    spec = store.pull(str(root), name="folder")
    assert (spec.context_tokens, spec.capabilities) == (2048, ("chat", "completion"))
    assert spec.engines[1].path == str(tmp_path / "home" / "models" / "folder" / "weights")
    assert store.verify("folder") == []


def test_a_folder_that_says_too_little_is_refused(make_store: MakeStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidModelFile, match=r"config\.json"):
        make_store().pull(str(folder(tmp_path, "model.safetensors")), name="folder")


def test_a_model_in_several_files_needs_all_of_them(make_store: MakeStore, tmp_path: Path) -> None:
    write_gguf(tmp_path / "m-00001-of-00002.gguf")
    with pytest.raises(StoreError):
        make_store().pull(str(tmp_path / "m-00001-of-00002.gguf"))
    write_gguf(tmp_path / "m-00002-of-00002.gguf", seed=1)
    store = make_store()
    assert store.pull(str(tmp_path / "m-00001-of-00002.gguf")).id == "m"
    assert [f["path"] for f in store.show("m")["files"] if f["path"].endswith("gguf")] == [
        "model-00001-of-00002.gguf",
        "model-00002-of-00002.gguf",
    ]


def test_a_path_that_does_not_exist_is_an_error(make_store: MakeStore) -> None:
    with pytest.raises(StoreError, match="neither a file nor a folder"):
        make_store().pull("./nowhere.gguf")


# ---------------------------------------------------------------- memory


def group(tmp_path: Path, *lines: str) -> tuple[Path, Path]:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cgroup").write_text("\n".join(lines))
    (tmp_path / "cgroup").mkdir()
    return tmp_path / "proc", tmp_path / "cgroup"


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)


def test_the_limit_of_a_container_counts_version_2(tmp_path: Path) -> None:
    proc, mounts = group(tmp_path, "0::/outer/inner")
    write(mounts, cgroup__controllers="memory")
    write(mounts / "outer", memory__max="3000000", memory__current="1000000", memory__stat="inactive_file 500000\n")
    write(mounts / "outer" / "inner", memory__max="max", memory__current="900000")
    assert available_memory_bytes(proc=proc, mounts=mounts) == 2_500_000


def test_the_limit_of_a_container_counts_version_1(tmp_path: Path) -> None:
    proc, mounts = group(tmp_path, "4:memory:/docker/abc", "0::/")
    write(
        mounts / "memory",
        memory__limit_in_bytes="5000000",
        memory__usage_in_bytes="2000000",
        memory__stat="cache 1\ntotal_inactive_file 1000\n",
    )
    assert available_memory_bytes(proc=proc, mounts=mounts) == 3_001_000


def test_without_a_limit_the_machine_decides(tmp_path: Path) -> None:
    proc, mounts = group(tmp_path, "4:memory:/a", "0::/")
    write(mounts / "memory" / "a", memory__limit_in_bytes="9223372036854771712", memory__usage_in_bytes="1")
    assert available_memory_bytes(proc=proc, mounts=mounts) > 10_000_000
