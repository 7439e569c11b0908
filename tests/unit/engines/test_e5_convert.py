from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
import pytest
from e5_toy import numpy_vector, toy_bytes, write_toy

from aigc.engines import e5_convert, e5_file, e5_graph
from aigc.engines.e5 import E5Encoder
from aigc.errors import EngineError, InvalidModelFile, StorageFull

_TEXTS = [[0, 5, 6, 7, 2], [0, 2], [0, 4, 8, 9, 10, 11, 12, 3, 5, 6, 2]]


def test_the_graph_computes_what_the_textbook_says(tmp_path: Path) -> None:
    model = e5_graph.encoder(e5_file.read(write_toy(tmp_path / "toy.bin")))
    exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    compiled = openvino.Core().compile_model(model, "CPU", exact)
    ids, mask = np.ones((3, 16), np.int32), np.zeros((3, 16), np.int32)
    for row, tokens in enumerate(_TEXTS):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    vectors = compiled({e5_graph.IDS: ids, e5_graph.MASK: mask})[0]
    np.testing.assert_allclose(vectors, [numpy_vector(tokens) for tokens in _TEXTS], atol=3e-6)


def test_the_served_encoder_stays_close_to_the_textbook(tmp_path: Path) -> None:
    file = e5_convert.convert(write_toy(tmp_path / "toy.bin"), tmp_path / "out" / "e5", lambda share: None)
    vectors = E5Encoder(Path(file.path), threads=2).embed(_TEXTS)
    cosines = (vectors * np.stack([numpy_vector(tokens) for tokens in _TEXTS])).sum(1)
    assert cosines.min() > 0.999


def test_the_folder_holds_the_named_files_and_nothing_else(tmp_path: Path) -> None:
    shares: list[float] = []
    file = e5_convert.convert(write_toy(tmp_path / "toy.bin"), tmp_path / "e5", shares.append)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e5", "toy.bin"]
    assert sorted(path.name for path in (tmp_path / "e5").iterdir()) == [
        "characters.json",
        "config.json",
        "encoder.bin",
        "encoder.xml",
        "tokenizer.model",
    ]
    assert (file.engine, file.path) == ("e5", str(tmp_path / "e5"))
    assert 150 * 2**20 < file.memory_bytes < 200 * 2**20
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_converting_again_replaces_the_folder(tmp_path: Path) -> None:
    old = tmp_path / "e5"
    old.mkdir()
    (old / "rubbish").write_text("x")
    e5_convert.convert(write_toy(tmp_path / "toy.bin"), old, lambda share: None)
    assert not (old / "rubbish").exists()
    assert (old / "encoder.xml").exists()


def test_a_bad_file_leaves_nothing_behind(tmp_path: Path) -> None:
    bad = tmp_path / "bad.bin"
    bad.write_bytes(toy_bytes()[:-100])
    with pytest.raises(InvalidModelFile):
        e5_convert.convert(bad, tmp_path / "out", lambda share: None)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.bin"]


def test_a_place_that_can_not_be_written_is_reported_as_storage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageFull, match="can't be written"):
        e5_convert.convert(write_toy(tmp_path / "toy.bin"), tmp_path / "file" / "e5", lambda share: None)


def test_a_listener_that_stops_the_work_leaves_nothing_behind(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def listen(share: float) -> None:
        if share > 0.8:
            raise Stop

    toy = write_toy(tmp_path / "toy.bin")
    with pytest.raises(Stop):
        e5_convert.convert(toy, tmp_path / "e5", listen)
    assert [path.name for path in tmp_path.iterdir()] == ["toy.bin"]


def test_a_damaged_encoder_is_an_engine_error(tmp_path: Path) -> None:
    e5_convert.convert(write_toy(tmp_path / "toy.bin"), tmp_path / "e5", lambda share: None)
    (tmp_path / "e5" / "encoder.xml").write_text("<net>")
    with pytest.raises(EngineError, match="can't load"):
        E5Encoder(tmp_path / "e5", threads=1)
