"""The sandbox in which chat templates run: Jinja with every way to grow, to linger and to look inside taken away.

A template comes with a model file, so it may come from anybody. Three meters hold it: steps (loop and macro bodies),
seconds, and characters made. They are looked at wherever a template can make something: literals, operators, filters,
methods, output. So no value is larger than `MAX_OUTPUT`, shared parts counted as often as they appear, and nothing that
Python does with a value in one go takes long. Filters, methods and functions are those of published templates; others
are refused by name.

Knows: Jinja. Does not know: messages, tools, models.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_OUTPUT = 4 * 1024 * 1024
"""Characters of a prompt, and of any value on the way to it; items of a list count as one each."""
MAX_SECONDS = 1.0
_MAX_MADE = 64 * MAX_OUTPUT
"""Characters of all values together: bounds memory."""
_MAX_STEPS = 200_000
_MAX_BITS = 4096
_MAX_WIDTH = 10_000

_FILTERS = (
    "abs attr capitalize count d default dictsort e escape first float format groupby indent int items join last "
    "length list lower map max min reject rejectattr replace reverse round safe select selectattr sort string sum "
    "title tojson trim truncate unique upper wordcount"
).split()
_GLOBALS = ("range", "dict", "cycler", "joiner", "namespace")
_TEXT_METHODS = frozenset(
    (
        "capitalize casefold center count endswith find format format_map index isalnum isalpha isascii isdecimal "
        "isdigit islower isnumeric isspace istitle isupper join ljust lower lstrip partition removeprefix removesuffix "
        "replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title upper "
        "zfill"
    ).split()
)


class Refused(TemplateRuntimeError):
    """The template's own objection, by ``raise_exception``."""


class Meter:
    """What one rendering may use up."""

    def __init__(self, seconds: float = MAX_SECONDS) -> None:
        self._end = time.monotonic() + seconds
        self._steps = 0
        self._made = 0

    def spend(self, characters: int = 0) -> str:
        """One step, which makes so many characters. Raises: SecurityError. Returns: nothing to show."""
        self._steps += 1
        self._made += characters
        if self._steps > _MAX_STEPS or time.monotonic() > self._end:
            raise SecurityError(f"it takes more than {MAX_SECONDS:g} s or {_MAX_STEPS} steps")
        if self._made > _MAX_MADE:
            raise SecurityError(f"it makes more than {_MAX_MADE} characters on its way")
        return ""


class _Generation(Extension):
    """``{% generation %}`` marks the assistant's words for training; here it only passes them through."""

    tags = {"generation"}  # noqa: RUF012  # jinja2's own declaration

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment; ``meter`` is set anew for every rendering, by one thread at a time."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self) -> None:
        self.meter = Meter(float("inf"))  # while it is compiled
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation], finalize=self._kept
        )
        self.filters = {name: self._measured(name, self.filters[name]) for name in _FILTERS if name != "tojson"}
        self.filters["tojson"] = self._measured("tojson", _tojson)
        self.globals = {name: self.globals[name] for name in _GLOBALS}
        self.globals |= {"raise_exception": _raise, "strftime_now": _strftime_now}
        self.globals |= {"_spend": self._spend, "_kept": self._kept, "_joined": self._joined}

    def template(self, source: str) -> Any:
        """Compile. Raises: TemplateSyntaxError, RecursionError, SyntaxError, ValueError."""
        code = self.compile(_metered(self.parse(source)))
        return self.template_class.from_code(self, code, dict(self.globals))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """See jinja2: an operator of ``intercepted_binops``, after its result was estimated."""
        sides = (left, right)
        if all(isinstance(side, int) for side in sides):
            bits = [side.bit_length() for side in sides]
            estimate = bits[0] * right if operator == "**" else sum(bits)
            if estimate > _MAX_BITS:
                raise SecurityError(f"{operator!r} makes a number of more than {_MAX_BITS} bits")
        elif operator == "*":
            factor = max((side for side in sides if isinstance(side, int)), default=1)
            self._room(weight(left, right) * max(1, factor))
        elif operator == "%" and isinstance(left, str):
            self._room(weight(left, right) + _widths(left))
        else:
            self._room(weight(left, right))
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - jinja2's way
        """See jinja2: every call of a template, after its result was estimated."""
        method = getattr(__obj, "__wrapped__", __obj)
        text = getattr(method, "__self__", None)
        __self._room(weight(*args, *kwargs.values()))
        if isinstance(text, str):
            __self._check_method(text, str(getattr(method, "__name__", "")), args)
        return __self._kept(super().call(__context, __obj, *args, **kwargs))

    def _check_method(self, text: str, name: str, args: tuple[Any, ...]) -> None:
        if name not in _TEXT_METHODS:
            raise SecurityError(f"the method {name!r} of texts is not for templates")
        if name in ("format", "format_map"):
            self._room(len(text) + _widths(text) + weight(*args) * max(1, text.count("{")))
        elif name in ("center", "ljust", "rjust", "zfill") and args and isinstance(args[0], int):
            self._room(args[0] if args[0] <= _MAX_WIDTH else MAX_OUTPUT + 1)
        elif name == "replace" and len(args) >= 2:
            self._room(_replaced(text, args[0], args[1]))
        elif name == "join" and args:
            self._room(_length(args[0]) * len(text) + weight(*args))

    def _measured(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The filter, with everything that goes in and comes out measured."""

        @functools.wraps(work)  # keeps jinja2's marks: which filters want the environment first
        def measured(*args: Any, **kwargs: Any) -> Any:
            given = [self._kept(list(arg)) if isinstance(arg, Iterator) else arg for arg in args]
            values = given[1:] if hasattr(work, "jinja_pass_arg") else given
            size = weight(*values, *kwargs.values())
            options = [option for option in (*values[1:], *kwargs.values()) if not isinstance(option, bool)]
            if name == "join":
                size += _length(values[0]) * sum(len(str(option)) for option in options[:1])
            elif name == "replace" and len(values) >= 3:
                size += _replaced(str(values[0]), values[1], values[2])
            elif name == "indent":
                width = max((o if isinstance(o, int) else len(str(o)) for o in options), default=4)
                size += width * (str(values[0]).count("\n") + 1)
            elif name == "format":
                size += _widths(str(values[0]))
            self._room(size)
            return self._kept(work(*given, **kwargs))

        return measured

    def _spend(self, characters: int) -> str:
        return self.meter.spend(characters)

    def _room(self, size: int) -> None:
        self.meter.spend()
        if size > MAX_OUTPUT:
            raise SecurityError(f"it makes a value of more than {MAX_OUTPUT} characters")

    def _kept(self, value: Any) -> Any:
        """The value, if it is not too large; what it takes counts."""
        self.meter.spend(weight(value))
        return value

    def _joined(self, *parts: Any) -> str:
        self._room(weight(*parts))
        return str(self._kept("".join(map(str, parts))))


def weight(*values: Any) -> int:
    """Characters and items in them, shared parts counted each time. Raises: SecurityError over the limit."""
    total = 0
    stack = list(values)
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            total += len(one)
        elif isinstance(one, dict):
            total += len(one)
            stack += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple)):
            total += len(one)
            if total <= MAX_OUTPUT:
                stack += one
        if total > MAX_OUTPUT:
            raise SecurityError(f"it makes a value of more than {MAX_OUTPUT} characters")
    return total


def _length(value: Any) -> int:
    return len(value) if hasattr(value, "__len__") else 0


def _replaced(text: str, old: Any, new: Any) -> int:
    """Characters after a replacement."""
    return len(text) + text.count(str(old)) * len(str(new))


def _widths(form: str) -> int:
    """Sum of all numbers in a format string: no field is wider. A ``*`` takes its width from elsewhere."""
    numbers = "".join(letter if letter.isdigit() else " " for letter in form).split()
    if "*" in form or any(len(number) > 7 for number in numbers):
        return MAX_OUTPUT + 1
    return sum(int(number) for number in numbers)


def _tojson(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    if indent is None:
        return json.dumps(value, ensure_ascii=ensure_ascii, separators=separators, sort_keys=sort_keys)
    if not isinstance(indent, int) or indent > 16:
        raise SecurityError(f"tojson indents by at most 16, not by {str(indent)[:20]}")
    encoder = json.JSONEncoder(ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    parts: list[str] = []
    size = 0
    for part in encoder.iterencode(value):
        parts.append(part)
        size += len(part)
        if size > MAX_OUTPUT:
            raise SecurityError(f"tojson writes more than {MAX_OUTPUT} characters")
    return "".join(parts)


def _strftime_now(form: str) -> str:
    if len(form) > 100 or _widths(form):
        raise SecurityError("strftime_now takes at most 100 characters and no widths")
    return datetime.now().strftime(form)


def _raise(message: str) -> None:
    raise Refused(message)


def _metered(template: nodes.Template) -> nodes.Template:
    """The same program, metered: bodies that may be repeated (a step and their constant text), ``~``, literals."""
    for body in template.find_all((nodes.For, nodes.Macro, nodes.CallBlock)):
        constant = sum(len(data.data) for data in body.find_all(nodes.TemplateData))
        spend = nodes.Call(nodes.Name("_spend", "load"), [nodes.Const(constant)], [], None, None)
        body.body.insert(0, nodes.ExprStmt(spend))  # type: ignore[attr-defined]
    _replace(template)
    return template.set_lineno(1)  # type: ignore[return-value]


def _replace(node: nodes.Node) -> None:
    """Every ``~`` below ``node`` by `Sandbox._joined`, every list, tuple and dict by `Sandbox._kept` of it."""
    for name, value in list(node.iter_fields()):
        parts = value if isinstance(value, list) else [value]
        for at, part in enumerate(parts):
            if not isinstance(part, nodes.Node):
                continue
            _replace(part)
            if isinstance(part, nodes.Concat):
                found = nodes.Call(nodes.Name("_joined", "load"), part.nodes, [], None, None)
            elif isinstance(part, (nodes.List, nodes.Dict)) or (isinstance(part, nodes.Tuple) and part.ctx == "load"):
                found = nodes.Call(nodes.Name("_kept", "load"), [part], [], None, None)
            else:
                continue
            if isinstance(value, list):
                value[at] = found
            else:
                setattr(node, name, found)
