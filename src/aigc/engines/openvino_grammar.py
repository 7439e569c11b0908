"""Constraints for OpenVINO, and the trial that keeps a bad one away from everybody else's answers.

A schema that the grammar compiler (xgrammar) rejects makes ``step()`` raise for ever after: the request can't be taken
back, and all others are lost with it. The library has no call to compile a grammar alone. So each grammar is tried
first on a stand-in: a network without weights that shares the real model's tokenizer and thereby its grammar compiler.
A rejected one costs a millisecond there and harms nobody; an accepted one is in the compiler's cache when the real
model needs it.

Knows: xgrammar's abilities through OpenVINO's classes. Does not know: requests, threads.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aigc.engines.constraint import Constraint, JsonConstraint, call_body, whole
from aigc.engines.grammar import Grammar, loosened, wide_places, written
from aigc.engines.grammar_shape import Vocabulary, shaped
from aigc.errors import EngineError, InvalidSchema

_Key = tuple[str, ...]

_COUNTED = (100, 80, 64, 50, 40, 32, 25, 16, 8, 0)
"""Places for nearly any character that one repetition is counted for; the first of these that is affordable.

Beyond 128 xgrammar looks at every token again in every step. A longer text is left to the check at the end.
"""
_AFFORDABLE = 32_000_000
"""Tokens that xgrammar may read for a grammar with counted texts; on a quiet machine it reads 10 million a second."""
_MOST = 48_000_000
"""What a grammar may cost at all; one beyond is refused."""
_KEPT = 256
"""Grammars remembered as tried."""


class GrammarTrial:
    """Tries grammars on the stand-in.

    Args:
        folder: what `write_stand_in` wrote.
        tokenizer: the real model's.
        stop_ids: tokens that end an answer.
        pieces: the bytes of every token.
    """

    def __init__(self, folder: Path, tokenizer: Any, stop_ids: tuple[int, ...], pieces: Iterable[bytes]) -> None:
        import openvino_genai

        self._vocabulary = Vocabulary(pieces)
        self._lock = threading.Lock()
        self._structures: OrderedDict[_Key, Any] = OrderedDict()
        self._tried: set[_Key] = set()
        self._pipe = openvino_genai.LLMPipeline(str(folder), tokenizer, "CPU", ATTENTION_BACKEND="SDPA")
        self._stop_ids = set(stop_ids)

    def knows(self, constraint: Constraint) -> bool:
        """Whether it was tried, so that it needn't be again."""
        with self._lock:
            return _key(constraint) in self._tried

    def structure(self, constraint: Constraint) -> Any:
        """OpenVINO's form of a constraint. Raises: InvalidSchema: it would take too long to compile."""
        key = _key(constraint)
        with self._lock:
            if key in self._structures:
                self._structures.move_to_end(key)
                return self._structures[key]
        found = _structure(constraint, self._vocabulary)
        with self._lock:
            self._structures[key] = found
            while len(self._structures) > _KEPT:
                self._tried.discard(self._structures.popitem(last=False)[0])
        return found

    def check(self, constraint: Constraint) -> None:
        """Compile a constraint. Blocks while it compiles. Raises: InvalidSchema, without the library's own words."""
        import numpy as np
        import openvino
        import openvino_genai

        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = 1
        config.stop_token_ids = self._stop_ids
        config.apply_chat_template = False
        config.structured_output_config = self.structure(constraint)
        try:
            self._pipe.generate(openvino.Tensor(np.zeros((1, 1), dtype=np.int64)), config)
        except RuntimeError as error:
            raise InvalidSchema(
                "the schema can't be enforced: the grammar compiler refuses it", hint="simplify the schema"
            ) from error
        with self._lock:
            if (key := _key(constraint)) in self._structures:
                self._tried.add(key)


def _key(constraint: Constraint) -> _Key:
    if isinstance(constraint, JsonConstraint) or not constraint.waits:
        return (written(whole(constraint)),)
    return written(call_body(constraint)), constraint.begin, constraint.end, str(constraint.parallel)


def _structure(constraint: Constraint, vocabulary: Vocabulary) -> Any:
    from openvino_genai import StructuredOutputConfig as Form

    if isinstance(constraint, JsonConstraint) or not constraint.waits:
        return Form(grammar=notation(whole(constraint), vocabulary))
    body = Form.EBNF(notation(call_body(constraint), vocabulary))
    tag = Form.Tag(begin=constraint.begin, content=body, end=constraint.end)
    once = not constraint.parallel
    return Form(
        structural_tags_config=Form.TriggeredTags(triggers=[constraint.trigger], tags=[tag], stop_after_first=once)
    )


def notation(grammar: Grammar, vocabulary: Vocabulary) -> str:
    """What xgrammar is given; long repetitions are counted less far until all of them together are affordable.

    Raises: InvalidSchema: it would take too long to compile.
    """
    for places in _COUNTED:
        loose = loosened(grammar, places)
        least = vocabulary.size * sum(map(wide_places, {loose.root, *loose.rules.values()}))
        if places and least > _AFFORDABLE:
            continue
        found, cost = shaped(loose, vocabulary)
        if cost <= _AFFORDABLE:
            break
    if cost > _MOST:
        raise InvalidSchema(
            f"the schema takes too long to compile: {cost // 10**6} million tokens to look at, accepted are "
            f"{_MOST // 10**6} million",
            hint="shorten patterns and lists of names, or split the schema",
        )
    return written(found)


def write_stand_in(folder: Path, vocabulary_size: int) -> None:
    """Write a network with the inputs and outputs of a language model, whose logits are all zero.

    Raises: EngineError: OpenVINO can't write it.
    """
    import numpy as np
    import openvino
    from openvino import opset13 as op

    def parameter(name: str, rank: int, kind: Any) -> Any:
        node = op.parameter([-1] * rank, kind, name=name)
        node.output(0).get_tensor().set_names({name})
        return node

    ids = parameter("input_ids", 2, openvino.Type.i64)
    others = [
        parameter("attention_mask", 2, openvino.Type.i64),
        parameter("position_ids", 2, openvino.Type.i64),
        parameter("beam_idx", 1, openvino.Type.i32),
    ]
    # Every input must lead to the output, or OpenVINO takes it away.
    zero = op.multiply(op.unsqueeze(op.convert(ids, "f32"), op.constant(np.int64(2))), op.constant(np.float32(0)))
    for other in others:
        axes = op.constant(np.arange(len(other.get_output_partial_shape(0)), dtype=np.int64))
        zero = op.add(zero, op.multiply(op.convert(op.reduce_sum(other, axes), "f32"), op.constant(np.float32(0))))
    logits = op.add(zero, op.constant(np.zeros((1, 1, vocabulary_size), dtype=np.float32)))
    logits.output(0).get_tensor().set_names({"logits"})
    folder.mkdir(exist_ok=True)
    try:
        openvino.save_model(openvino.Model([op.result(logits)], [ids, *others]), folder / "openvino_model.xml")
    except RuntimeError as error:
        raise EngineError("the network for trying grammars can't be written") from error
