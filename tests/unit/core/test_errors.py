"""The error tree and its drawing."""

from __future__ import annotations

import re

from aigc import errors


def _all(base: type[errors.AigcError]) -> list[type[errors.AigcError]]:
    """Those of this module; `aigc.server.errors` draws its own."""
    return [
        base,
        *(leaf for child in base.__subclasses__() if child.__module__ == base.__module__ for leaf in _all(child)),
    ]


def test_the_drawing_in_the_docstring_names_every_class_with_its_status_and_code() -> None:
    assert errors.__doc__ is not None
    drawn = dict(re.findall(r"[+-] (\w+) .* (\d{3} \w+)$", errors.__doc__, flags=re.MULTILINE))
    built = {leaf.__name__: f"{leaf.status} {leaf.code or leaf.type}" for leaf in _all(errors.AigcError)}
    del built["AigcError"], drawn["StoreError"], built["StoreError"]
    assert drawn == built


def test_an_error_is_found_by_its_name_and_a_foreign_name_is_an_engine_error() -> None:
    assert errors.by_name("ContextOverflow") is errors.ContextOverflow
    assert errors.by_name("SystemExit") is errors.EngineError
