"""The last look at JSON that a model wrote: is it JSON, and does the client's own schema accept it?

Engines enforce schemas while they decode; this is the second pair of eyes, so that a fault in a grammar library becomes
an error and never a wrong answer. `jsonschema` judges; its two dangers are taken away: regular expressions without a
time limit (ours run in linear time) and combinations that multiply without end (counted).

Source: JSON Schema draft 2020-12; RFC 8259.
Knows: JSON text and schemas. Does not know: engines, tokens, HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from aigc.engines.pattern import Pattern
from aigc.errors import InvalidSchema
from aigc.types import JSON

MAX_CHECKS = 50_000
"""Applications of a keyword in one check of an answer; nested ``anyOf`` can multiply them without end."""

_MAX_DIGITS = 4000

Check = Callable[[Any], "str | None"]
"""Says what is wrong with a value, or None."""


def escaped(key: str) -> str:
    """A key as a step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def parse(text: str) -> Any:
    """Parse JSON strictly: no NaN, no infinity, no number of thousands of digits.

    A key may occur twice: a grammar lets that happen only where the schema gives no names, so that both values are as
    good, and readers differ only in which of them they take.

    Raises: ValueError: it is none; says why.
    """

    def integer(digits: str) -> int:
        if len(digits) > _MAX_DIGITS:
            raise ValueError(f"a number has {len(digits)} digits, accepted are {_MAX_DIGITS}")
        return int(digits)

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    try:
        return json.loads(text, parse_int=integer, parse_constant=constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def equal(a: Any, b: Any) -> bool:
    """Whether two JSON values are the same: 1 is 1.0, but not true."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(value, b[key]) for key, value in a.items())
    return bool(a == b)


def validator(schema: JSON | bool, part: JSON | None = None) -> Check:
    """A check that says what is wrong with a value, or None; bounded in time, and blind to nothing.

    Args:
        schema: the client's.
        part: a schema to be applied instead, whose references lead into ``schema``.

    Raises: InvalidSchema: the schema itself is malformed.
    """
    from jsonschema import Draft202012Validator, SchemaError, validators
    from referencing.exceptions import Unresolvable

    spent = [0]

    def counted(check: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Iterator[Any]:
            spent[0] += 1
            if spent[0] > MAX_CHECKS:
                raise InvalidSchema(f"checking the answer against the JSON schema takes more than {MAX_CHECKS} steps")
            return iter(check(*arguments) or ())

        return run

    def pattern(_: Any, value: str, instance: Any, __: Any) -> Iterator[Any]:
        from jsonschema import ValidationError

        if isinstance(instance, str) and not compiled[value].matches(instance):
            yield ValidationError(f"{instance[:60]!r} does not match {value!r}")

    class _Patterns(dict[str, Pattern]):
        def __missing__(self, source: str) -> Pattern:
            self[source] = Pattern(source)
            return self[source]

    compiled = _Patterns()
    checks = {name: counted(check) for name, check in Draft202012Validator.VALIDATORS.items()}
    kind: Any = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {**checks, "pattern": counted(pattern)}
    )
    try:
        kind.check_schema(schema if part is None else part)
    except SchemaError as error:
        path = "".join(f"/{escaped(str(step))}" for step in error.absolute_path)
        raise InvalidSchema(f"the JSON schema is malformed at {path or '/'}: {error.message[:200]}") from None

    def check(value: Any) -> str | None:
        spent[0] = 0
        try:
            judge = kind(schema)
            error = next((judge if part is None else judge.evolve(schema=part)).iter_errors(value), None)
        except Unresolvable as problem:
            raise InvalidSchema(f"the JSON schema refers to {str(problem.ref)[:80]!r}, which isn't there") from None
        if error is None:
            return None
        return f"{''.join(f'/{escaped(str(step))}' for step in error.absolute_path) or '/'}: {error.message[:200]}"

    return check
