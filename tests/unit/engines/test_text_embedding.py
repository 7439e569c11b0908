import numpy as np
import pytest
from text_toys import SPEC, Sink, ToyEmbedder

from aigc.engines.embedding import EmbeddingService
from aigc.types import Embeddings, EmbedRequest, Failure, TextRequest, TokenizeRequest, Tokens


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def embedder():
    return ToyEmbedder()


@pytest.fixture
def service(embedder, sink):
    service = EmbeddingService(embedder, SPEC, sink)
    yield service
    embedder.gate.set()
    service.close()


def rows(event):
    return np.frombuffer(event.vectors, dtype="<f4").reshape(-1, event.width)


def test_texts_and_token_lists_become_unit_vectors(service, sink):
    service.submit(1, EmbedRequest(inputs=("a", "bb", (97, 98))))
    [event] = sink.wait()
    half = 0.70710678
    np.testing.assert_allclose(rows(event), [[1, 0, 0, 0], [0, 1, 0, 0], [half, half, 0, 0]], rtol=1e-6)
    assert (event.width, event.prompt_tokens, event.fingerprint) == (4, 5, "toy-embedder")


def test_fewer_dimensions_are_the_first_ones_at_unit_length(service, sink):
    service.submit(1, EmbedRequest(inputs=("aaabbbbc",), dimensions=2))
    [event] = sink.wait()
    np.testing.assert_allclose(rows(event), [[0.6, 0.8]], rtol=1e-6)
    assert event.width == 2


@pytest.mark.parametrize(
    ("request_", "name", "param", "message"),
    [
        (
            EmbedRequest(inputs=("a",), dimensions=5),
            "UserError",
            "dimensions",
            "'dimensions' is 5, the model 'toy' has 1 to 4",
        ),
        (
            EmbedRequest(inputs=("a",), dimensions=0),
            "UserError",
            "dimensions",
            "'dimensions' is 0, the model 'toy' has 1 to 4",
        ),
        (EmbedRequest(inputs=()), "UserError", "input", "'input' is empty, at least one text is needed"),
        (EmbedRequest(inputs=("a", "")), "UserError", "input", "'input' 1 is empty"),
        (EmbedRequest(inputs=("a", ())), "UserError", "input", "'input' 1 is empty"),
        (EmbedRequest(inputs=("a", "b" * 9)), "ContextOverflow", "input", "'input' 1 has 9 tokens, the model reads 8"),
        (EmbedRequest(inputs=((5000,),)), "UserError", "input", "there is no token 5000"),
        (TextRequest(prompt="a"), "UserError", "model", "the model 'toy' makes embeddings only"),
    ],
)
def test_what_cannot_be_embedded_is_refused(service, sink, request_, name, param, message):
    service.submit(1, request_)
    [event] = sink.wait()
    assert (event.name, event.param, event.message) == (name, param, message)


def test_requests_that_wait_together_are_computed_together(service, embedder, sink):
    embedder.gate.clear()
    service.submit(1, EmbedRequest(inputs=("a",)))
    assert embedder.entered.wait(10)
    service.submit(2, EmbedRequest(inputs=("b", "c")))
    service.submit(3, EmbedRequest(inputs=("d",)))
    embedder.gate.set()
    sink.wait(2)
    [event] = sink.wait(3)
    assert embedder.calls == [1, 3]
    np.testing.assert_array_equal(rows(event), [[0, 0, 0, 1]])


def test_a_request_that_waits_can_be_cancelled(service, embedder, sink):
    embedder.gate.clear()
    service.submit(1, EmbedRequest(inputs=("a",)))
    assert embedder.entered.wait(10)
    service.submit(2, EmbedRequest(inputs=("b",)))
    service.cancel(2)
    service.cancel(1)
    embedder.gate.set()
    service.submit(3, EmbedRequest(inputs=("c",)))
    sink.wait(3)
    assert embedder.calls == [1, 1]
    assert [number for batch in sink.batches for number, _ in batch] == [3]


def test_the_trouble_of_one_request_is_not_anothers(service, embedder, sink, caplog):
    embedder.gate.clear()
    service.submit(1, EmbedRequest(inputs=("a",)))
    assert embedder.entered.wait(10)
    service.submit(2, EmbedRequest(inputs=("b!",)))
    service.submit(3, EmbedRequest(inputs=("c",)))
    embedder.gate.set()
    assert sink.wait(2) == [Failure(name="EngineError", message="the engine failed while answering")]
    assert isinstance(sink.wait(3)[0], Embeddings)
    assert "native trouble" in caplog.text


def test_text_is_split_into_tokens(service, sink):
    service.submit(1, TokenizeRequest(text="ab"))
    assert sink.wait() == [Tokens(ids=(97, 98), pieces=("a", "b"))]


def test_a_computation_that_hangs_is_seen(service, embedder, sink):
    assert service.stalled_seconds() == 0.0
    embedder.gate.clear()
    service.submit(1, EmbedRequest(inputs=("a",)))
    assert embedder.entered.wait(10)
    assert service.stalled_seconds() > 0.0
    embedder.gate.set()
    sink.wait()


def test_closing_closes_the_embedder(embedder, sink):
    EmbeddingService(embedder, SPEC, sink).close()
    assert embedder.closed


def test_a_large_request_is_computed_in_slices(service, embedder, sink, monkeypatch):
    monkeypatch.setattr("aigc.engines.embedding.STEP_TOKENS", 10)
    service.submit(1, EmbedRequest(inputs=("aaaa", "bbbb", "cccc", "dddd", "aaaa")))
    [event] = sink.wait()
    assert embedder.calls == [2, 2, 1]
    assert rows(event).argmax(axis=1).tolist() == [0, 1, 2, 3, 0]


def test_cancelling_a_large_request_ends_it_after_the_slice(service, embedder, sink, monkeypatch):
    monkeypatch.setattr("aigc.engines.embedding.STEP_TOKENS", 10)
    embedder.gate.clear()
    service.submit(1, EmbedRequest(inputs=("aaaa",) * 100))
    assert embedder.entered.wait(10)
    service.cancel(1)
    embedder.gate.set()
    service.submit(2, EmbedRequest(inputs=("b",)))
    sink.wait(2)
    assert embedder.calls == [2, 1]
