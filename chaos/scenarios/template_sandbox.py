"""The template sandbox against 5,000 random templates and known escapes: within 1 s and 4 MiB, or our error.

Templates are drawn from a grammar of Jinja with a taste for growth, recursion and private attributes.
"""

from __future__ import annotations

import random
import resource
import time

from aigc.engines.sandbox import MAX_OUTPUT, MAX_SECONDS
from aigc.engines.template import ChatTemplate
from aigc.errors import AigcError
from aigc.types import Message
from stage import Stage

_NAMES = ("messages", "x", "bos_token", "tools", "loop", "range", "cycler", "namespace", "lipsum", "dict", "self")
_ATTRIBUTES = (
    "__class__",
    "__globals__",
    "__init__",
    "__mro__",
    "_module",
    "mro",
    "format",
    "format_map",
    "items",
    "append",
    "content",
    "join",
    "upper",
    "__subclasses__()",
    "gi_frame",
    "func_globals",
    "update({'a': 1})",
    "center(99999999)",
    "ljust(2000000)",
    "zfill(9999999)",
    "expandtabs(9999999)",
    "replace('a', 'aaaaaaaa')",
    "encode('idna')",
    "split('a')",
    "translate({97: 'bbbbbbbb'})",
)
_FILTERS = (
    "upper",
    "list",
    "join('aaaa')",
    "tojson",
    "indent(99999)",
    "center(99999999)",
    "attr('__class__')",
    "map('upper')",
    "batch(999999, 'x')",
    "format(1)",
    "wordwrap(1)",
    "string",
    "length",
    "reverse",
    "replace('a', 'aaaaaaaa')",
    "pprint",
    "xmlattr",
    "urlize",
    "sum(start=[])",
    "groupby('a')",
    "slice(9999999)",
)
_LITERALS = ("'a'", "'a' * 100000", "9", "10**6", "[1, 2]", "{'a': 1}", "'%099999d'", "(1,)", "'{:99999999}'", "none")
_ESCAPES = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages.append(1) }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].system('id') }}",
    "{{ '%s'|format(messages.__class__) }}",
    "{{ '{0.__class__}'.format(messages) }}",
    "{{ '{0.__class__}'.format_map({'0': messages}) }}",
    "{{ messages|attr('__class__') }}",
    "{{ messages|map(attribute='__class__')|list }}",
    "{% for i in range(10**9) %}{% endfor %}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ range(10**9)|list }}",
    "{{ range(99999)|list * 99999 }}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ 'a'|center(10**9) }}",
    "{{ '%0999999999d' % 1 }}",
    "{{ '{:>999999999}'.format(1) }}",
    "{{ 9**9**9 }}",
    "{{ ('a' * 4000000)|replace('a', 'a' * 4000000) }}",
    "{{ ('a' * 4000000).replace('a', 'a' * 4000000) }}",
    "{{ ('a,' * 1000000).split(',')|join('b' * 1000000) }}",
    "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=['a']) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{{ (['a'] * 4000000)|join('b')|upper|lower|title|list|join('c') }}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{{ strftime_now('%Y' * 1000000) }}",
    "{{ lipsum(n=100000) }}",
    "{{ ('a' * 1000000)|wordwrap(1) }}",
    "{{ ('\t' * 1000000).expandtabs(1000000) }}",
    "{{ ('a' * 100000)|indent(100000) }}",
    "{{ ('a\n' * 100000)|indent(100000) }}",
    "{{ ('1' * 4000000)|int }}",
    "{{ (2**1000) ** 1000 ** 1000 }}",
    "{{ range(1000000)|map('string')|map('center', 100000)|list|length }}",
    "{{ (range(100000)|list)|sort(reverse=true)|groupby('x') }}",
    "{{ messages|tojson(indent=1000000000) }}",
    "{{ [1]|batch(100000000, 'x')|list }}",
    "{{ [1]|slice(100000000)|list }}",
    "{{ ('a' * 100000)|urlize }}",
)


def _expression(draw: random.Random, depth: int) -> str:
    if depth == 0:
        return draw.choice((*_NAMES, *_LITERALS))
    inner = _expression(draw, depth - 1)
    kind = draw.randrange(7)
    if kind == 0:
        return f"({inner}).{draw.choice(_ATTRIBUTES)}"
    if kind == 1:
        return f"({inner})|{draw.choice(_FILTERS)}"
    if kind == 2:
        return f"({inner}) {draw.choice(('+', '*', '~', '%', '**', '//', 'in', 'and', '-'))} ({_expression(draw, 1)})"
    if kind == 3:
        return f"({inner})[{_expression(draw, 0)}]"
    if kind == 4:
        return f"({inner})({_expression(draw, 0)})"
    if kind == 5:
        return f"[{inner}, {inner}]"
    return f"({inner}) if ({_expression(draw, 1)}) else ({inner})"


def _template(draw: random.Random, depth: int) -> str:
    kind = draw.randrange(6)
    one = f"{{{{ {_expression(draw, draw.randrange(1, 4))} }}}}"
    if depth == 0 or kind < 2:
        return one
    body = _template(draw, depth - 1)
    if kind == 2:
        return f"{{% for x in {_expression(draw, 1)} %}}{body}{{% endfor %}}"
    if kind == 3:
        return f"{{% set x = {_expression(draw, 2)} %}}{body}"
    if kind == 4:
        return f"{{% macro f(x) %}}{body}{{% endmacro %}}{{{{ f({_expression(draw, 1)}) }}}}"
    return body + one


def play(stage: Stage) -> None:
    """Render everything; the clock, the memory and the words are watched."""
    sources = list(_ESCAPES) + [_template(stage.draw, 3) for _ in range(stage.times(5000))]
    conversation = [Message(role="user", content="aaaa")]
    faults: list[str] = []
    slow: list[str] = []
    leaks: list[str] = []
    longest = rendered = 0
    slowest = 0.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for source in sources:
        began = time.process_time()
        try:
            text = ChatTemplate(source, "<s>", "</s>").render(conversation)
            rendered += 1
            longest = max(longest, len(text))
            leaks += [source for sign in ("uid=", "<module ", "<code ", "<frame ", "mappingproxy") if sign in text]
        except AigcError:
            pass
        except BaseException as error:
            faults.append(f"{source}: {type(error).__name__}")
        took = time.process_time() - began
        slowest = max(slowest, took)
        slow += [f"{took:.1f} s {source}"] if took > 2 * MAX_SECONDS else []
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    stage.count("templates, of these rendered", f"{len(sources)}, {rendered}")
    stage.none("errors that are not ours", faults)
    stage.none("texts that show the inside of Python", leaks)
    stage.none(f"templates that took more than {2 * MAX_SECONDS:g} s of processor time", slow)
    stage.count("slowest", f"{slowest:.2f} s")
    stage.at_most("longest text", longest / 2**20, MAX_OUTPUT / 2**20, " MiB")
    stage.at_most("memory that they took at most", grown, 256, " MiB")
