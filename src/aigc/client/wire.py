"""The HTTP API in pure functions: request bodies, errors out of envelopes, events out of bytes, when to try again.

Knows: JSON, Server-Sent Events, our error codes. Does not know: sockets, threads, where the server is. Both clients
share everything in here, so that neither can drift from the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aigc import errors
from aigc.errors import AigcError, EngineError, Unreachable, UserError

MAX_RETRY_WAIT_SECONDS = 30.0
"""A server that asks for more patience than this gets its error reported instead."""

Prompt = str | Sequence[Mapping[str, Any]]
"""A question, or the messages of a conversation in OpenAI's form."""


def chat_body(
    prompt: Prompt, model: str, system: str | None, stream: bool, params: Mapping[str, Any]
) -> dict[str, Any]:
    """The body of a chat request.

    Raises: UserError for a prompt that is neither text nor messages, or a second system message.
    """
    messages: list[Mapping[str, Any]]
    if isinstance(prompt, str):
        messages = [{"role": "user", "content": prompt}]
    elif isinstance(prompt, Sequence) and all(isinstance(m, Mapping) for m in prompt):
        messages = [*prompt]
    else:
        raise UserError(
            f"the prompt is of type {type(prompt).__name__}; accepted: a text, or a list of messages like "
            '{"role": "user", "content": "hi"}',
            param="messages",
        )
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    return body({"model": model, "messages": messages}, stream, params)


def body(fields: dict[str, Any], stream: bool, params: Mapping[str, Any]) -> dict[str, Any]:
    """A request body; a stream is asked to report its usage at the end."""
    fields |= params
    if stream:
        fields["stream"] = True
        fields.setdefault("stream_options", {"include_usage": True})
    return fields


def form_fields(fields: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """JSON values as a form with several parts has them. Raises: UserError: an object, or a list of no texts."""
    found: dict[str, str | list[str]] = {}
    for name, value in fields.items():
        if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            found[f"{name}[]"] = [*value]
            continue
        if not isinstance(value, str | int | float):
            kind = type(value).__name__
            raise UserError(
                f"{name} is of type {kind}; accepted: text, a number, true or false, a list of texts", param=name
            )
        found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def error_from(status: int, content: bytes, headers: Mapping[str, str], base_url: str) -> AigcError:
    """The error that the server raised, of the same class where it is one of ours."""
    request_id = headers.get("x-request-id")
    try:
        found = json.loads(content)["error"]
        error = error_from_envelope(found if isinstance(found, dict) else {"message": str(found)}, status)
    except (ValueError, KeyError, TypeError):
        text = content[:200].decode("utf-8", "replace").strip()
        kind = UserError if 400 <= status < 500 else EngineError
        error = kind(f"the server answered {status}: {text or 'nothing'}")
        if status in (404, 405) and not base_url.rstrip("/").endswith("/v1"):
            error.hint = f"a base URL usually ends in /v1; this one is {base_url}"
    error.request_id = request_id
    if error.retry_after_seconds is None:
        error.retry_after_seconds = retry_after(headers)
    return error


def error_from_envelope(found: Mapping[str, Any], status: int = 500) -> AigcError:
    """The error in OpenAI's envelope ``{"message", "type", "param", "code"}``; by code, else by status."""
    kind = _class_of(found.get("code"), status)
    param, hint = found.get("param"), found.get("hint")
    message = str(found.get("message") or f"the server answered {status} without saying why")
    return kind(message, param=param if isinstance(param, str) else None, hint=hint if isinstance(hint, str) else None)


def _class_of(code: object, status: int) -> type[AigcError]:
    for kind in errors.all_classes():
        if code is not None and kind.code == code:
            return kind
    return _OF_STATUS.get(status) or (UserError if 400 <= status < 500 else EngineError)


_OF_STATUS: dict[int, type[AigcError]] = {
    401: errors.AuthenticationFailed,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    429: errors.Busy,
    503: errors.Busy,
    507: errors.StorageFull,
}
"""For servers that use other codes than ours."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds in ``Retry-After``; None where there is none. The form with a date is not ours and is not read."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def retry_wait(error: AigcError, attempt: int, max_retries: int) -> float | None:
    """Seconds to wait before trying again; None: give up.

    Only what is known not to have begun is sent again: a connection that was never made, and a server that says when
    to come back. A broken answer is not: half of it may have been read.
    """
    wait = error.retry_after_seconds
    if attempt >= max_retries or error.status not in (429, 503) or wait is None or wait > MAX_RETRY_WAIT_SECONDS:
        return None
    return wait * 2**attempt if isinstance(error, Unreachable) else wait


class Events:
    """Server-Sent Events, fed with bytes as they come.

    Source: WHATWG HTML 9.2.6. Comments and other fields than ``data`` are skipped: the API sends none that matter.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self.done = False
        """``[DONE]`` was seen: the answer is complete."""

    def feed(self, chunk: bytes) -> Iterator[dict[str, Any]]:
        """The events that ``chunk`` completes. Raises: the error that an event carries."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                yield from self._event(b"\n".join(self._data))
                self._data.clear()

    def _event(self, data: bytes) -> Iterator[dict[str, Any]]:
        if data.strip() == b"[DONE]":
            self.done = True
            return
        try:
            event = json.loads(data)
        except ValueError as error:
            raise EngineError(f"the server sent an event that is not JSON: {data[:80]!r}") from error
        if not isinstance(event, dict):
            raise EngineError(f"the server sent an event that is not an object: {data[:80]!r}")
        if event.get("error"):
            found = event["error"]
            raise error_from_envelope(found if isinstance(found, dict) else {"message": str(found)})
        yield event
