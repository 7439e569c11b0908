"""What all values that cross layers have in common.

Knows: msgspec. Does not know: what the values are about.
"""

from __future__ import annotations

from typing import Any

import msgspec

JSON = dict[str, Any]


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base: immutable, keyword-only, and silent about defaults on the wire."""


class Failure(Value, frozen=True, kw_only=True, tag="failure"):
    """An `aigc.errors.AigcError` on its way through a socket: class name and arguments."""

    name: str
    message: str
    param: str | None = None
    hint: str | None = None
    retry_after_seconds: float | None = None
