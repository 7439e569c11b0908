"""Pictures that come with a request: a file of a form, or a ``data:`` URL in JSON.

Knows: how a picture is carried. Does not know: what is inside of its file.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from aigc.server.fields import invalid, unsupported
from aigc.server.form_body import FormText, Upload

_DATA_URL = re.compile(r"data:[\w.+/-]{0,100}(;[\w.+=-]{1,100})*;base64,", re.ASCII)
_ACCEPTED = 'a file of a form, or an object like {"image_url": "data:image/png;base64,..."}'


def _source(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("file_id") is not None:
            unsupported("this server keeps no files; send the picture itself as a data URL in image_url")
        if set(value) - {"file_id"} != {"image_url"}:
            invalid(_ACCEPTED)
        value = value["image_url"]
    elif isinstance(value, FormText):
        invalid(f"{_ACCEPTED}; a file needs a filename in its part")
    return _upload(value) if isinstance(value, str) else value if isinstance(value, Upload) else invalid(_ACCEPTED)


def _upload(url: str) -> Upload:
    head = _DATA_URL.match(url)
    if head is None:
        if url[:8].lower().startswith(("http://", "https://")):
            unsupported("this server fetches nothing; send the picture itself as a data URL")
        invalid("a data URL with base64")
    try:
        return Upload(base64.b64decode(url[head.end() :], validate=True))
    except (binascii.Error, ValueError):
        invalid("a data URL with base64; this is no base64")


_SCHEMA = {
    "description": "A file of a form, or in JSON a data URL.",
    "anyOf": [
        {"type": "string", "format": "binary"},
        {
            "type": "object",
            "required": ["image_url"],
            "properties": {"image_url": {"type": "string", "description": "data:image/...;base64,..."}},
            "additionalProperties": False,
        },
    ],
}

Source = Annotated[Upload, BeforeValidator(_source), WithJsonSchema(_SCHEMA)]
"""One picture."""


def _sources(value: Any) -> Any:
    value = value if isinstance(value, list) else [value]
    if len(value) > 1:
        unsupported(f"{len(value)} pictures were sent, and the models here take one")
    return value


Sources = Annotated[list[Source], BeforeValidator(_sources)]
"""One picture in the place of several, as OpenAI's API has it."""
