"""Constraints for OpenVINO, and the trial that keeps a bad one away from everybody else's answers.

A schema that the grammar compiler (xgrammar) rejects makes ``step()`` raise for ever after: the request can't be taken
back, and all others are lost with it. The library has no call to compile a grammar alone. So each grammar is tried
first on a stand-in: a network without weights that shares the real model's tokenizer and thereby its grammar compiler.
A rejected one costs a millisecond there and harms nobody; an accepted one is in the compiler's cache when the real
model needs it.

Knows: xgrammar's abilities through OpenVINO's classes. Does not know: requests, threads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aigc.engines.constraint import Constraint, JsonConstraint, call_body, whole
from aigc.engines.grammar import Grammar, loosened, wide_places, written
from aigc.errors import EngineError, InvalidSchema

MAX_PLACES = 100
"""Places for nearly any character that one repetition is counted for.

xgrammar walks through the whole vocabulary for each, which takes 35 ms; beyond 128 it does that again for every token.
A longer text is left to the check at the end.
"""
MAX_ALL_PLACES = 300
"""Such places in a whole grammar."""


class GrammarTrial:
    """Tries grammars on the stand-in.

    Args:
        folder: what `write_stand_in` wrote.
        tokenizer: the real model's.
        stop_ids: tokens that end an answer.
    """

    def __init__(self, folder: Path, tokenizer: Any, stop_ids: tuple[int, ...]) -> None:
        import openvino_genai

        self._pipe = openvino_genai.LLMPipeline(str(folder), tokenizer, "CPU", ATTENTION_BACKEND="SDPA")
        self._stop_ids = set(stop_ids)

    def check(self, structure: Any) -> None:
        """Compile a grammar. Blocks while it compiles. Raises: InvalidSchema, without the library's own words."""
        import numpy as np
        import openvino
        import openvino_genai

        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = 1
        config.stop_token_ids = self._stop_ids
        config.apply_chat_template = False
        config.structured_output_config = structure
        try:
            self._pipe.generate(openvino.Tensor(np.zeros((1, 1), dtype=np.int64)), config)
        except RuntimeError as error:
            raise InvalidSchema(
                "the schema can't be enforced: the grammar compiler refuses it", hint="simplify the schema"
            ) from error


def structure(constraint: Constraint) -> Any:
    """OpenVINO's form of a constraint."""
    from openvino_genai import StructuredOutputConfig as Form

    if isinstance(constraint, JsonConstraint) or not constraint.waits:
        return Form(grammar=_notation(whole(constraint)))
    body = Form.EBNF(_notation(call_body(constraint)))
    tag = Form.Tag(begin=constraint.begin, content=body, end=constraint.end)
    once = not constraint.parallel
    return Form(
        structural_tags_config=Form.TriggeredTags(triggers=[constraint.trigger], tags=[tag], stop_after_first=once)
    )


def _notation(grammar: Grammar) -> str:
    """What xgrammar is given; long repetitions are counted less far until all of them together are affordable."""
    for places in (MAX_PLACES, MAX_PLACES // 4, 0):
        loose = loosened(grammar, places)
        if sum(wide_places(node) for node in {loose.root, *loose.rules.values()}) <= MAX_ALL_PLACES:
            break
    return written(loose)


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
