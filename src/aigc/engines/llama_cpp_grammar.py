"""Constraints for llama.cpp, in its own notation, GBNF.

Its other compiler, llguidance, reads schemas by itself, but can't wait for the opening tag of a call and computes a
mask for every token; GBNF looks at one candidate first and costs next to nothing when that one fits.

Knows: llama.cpp's fields. Does not know: requests, the server.
"""

from __future__ import annotations

from aigc.engines.constraint import Constraint, ToolConstraint, whole
from aigc.engines.grammar import written
from aigc.engines.grammar_shape import untangled
from aigc.types import JSON

_ON_WORD = 1
"""``COMMON_GRAMMAR_TRIGGER_TYPE_WORD``."""


def parameters(constraint: Constraint) -> JSON:
    """The fields of llama.cpp's request that enforce a constraint. Raises: InvalidSchema: it can't be."""
    fields: JSON = {"grammar": written(untangled(whole(constraint)))}
    if isinstance(constraint, ToolConstraint) and constraint.waits:
        fields |= {"grammar_lazy": True, "grammar_triggers": [{"type": _ON_WORD, "value": constraint.trigger}]}
    return fields
