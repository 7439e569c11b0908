"""The one error envelope, and the errors that only HTTP knows.

::

    UserError
      + MissingParameter     a required field is absent         400 missing_required_parameter
      + UnknownParameter     a field that doesn't exist         400 unknown_parameter
      + InvalidType          a value of another JSON type       400 invalid_type
      + InvalidValue         outside what is accepted           400 invalid_value
      + IdempotencyKeyReused a key of another request           400 idempotency_key_reused
      + InvalidJson          the body is not usable JSON        400 invalid_json
      + WrongMethod          the path knows other methods       405 method_not_allowed
      + RequestTimeout       the body came too slowly           408 request_timeout
      + WrongMediaType       the body is not application/json   415 unsupported_media_type
      + WrongHost            the Host header is not ours        421 misdirected_request
      + HeaderTooLarge       the header is over its limit       431 header_too_large
    AigcError
      + ShuttingDown         the server is about to end         503 shutting_down
      + NotReady             no generation works now            503 not_ready
      + InternalError        a fault of ours                    500 internal_error

Knows: how errors look to a client. Does not know: why they were raised.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from aigc.errors import AigcError, AuthenticationFailed, NotFound, UserError
from aigc.server import trace

log = logging.getLogger(__name__)


class MissingParameter(UserError):
    """A required field is absent."""

    code = "missing_required_parameter"


class UnknownParameter(UserError):
    """A field that doesn't exist, neither in OpenAI's API nor here."""

    code = "unknown_parameter"


class InvalidType(UserError):
    """A value of another JSON type."""

    code = "invalid_type"


class InvalidValue(UserError):
    """A value outside of what is accepted."""

    code = "invalid_value"


class IdempotencyKeyReused(UserError):
    """An ``Idempotency-Key`` that was sent with another request before."""

    code = "idempotency_key_reused"


class InvalidJson(UserError):
    """The body is not JSON that can be used."""

    code = "invalid_json"


class WrongMethod(UserError):
    """The path exists, but not with this method."""

    status = 405
    code = "method_not_allowed"


class RequestTimeout(UserError):
    """The client took too long to send its request."""

    status = 408
    code = "request_timeout"


class WrongMediaType(UserError):
    """The body is not plain ``application/json``."""

    status = 415
    code = "unsupported_media_type"


class WrongHost(UserError):
    """The Host header names a host that this server is not."""

    status = 421
    code = "misdirected_request"


class HeaderTooLarge(UserError):
    """Request line and header are longer than the limit."""

    status = 431
    code = "header_too_large"


class ShuttingDown(AigcError):
    """The server finishes what it has begun and takes nothing new."""

    status = 503
    code = "shutting_down"


class NotReady(AigcError):
    """The process lives, but a generation doesn't work."""

    status = 503
    code = "not_ready"


class InternalError(AigcError):
    """A fault of ours; the log has the details under the request id."""

    code = "internal_error"


def envelope(error: AigcError) -> dict[str, Any]:
    """``{"error": {...}}`` with the fields that OpenAI's has, and ``hint`` where there is one."""
    body = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    if error.hint is not None:
        body["hint"] = error.hint
    return {"error": body}


def response(error: AigcError) -> Response:
    """The answer that tells the client about ``error``."""
    headers = {}
    if error.retry_after_seconds is not None or error.status in (429, 503):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_seconds or 1)))
    if isinstance(error, AuthenticationFailed):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, (RequestTimeout, HeaderTooLarge)) or error.status == 413:
        headers["connection"] = "close"  # the rest of the request is not worth reading
    return Response(
        msgspec.json.encode(envelope(error)), status_code=error.status, headers=headers, media_type="application/json"
    )


def from_unexpected(error: BaseException, request_id: str) -> AigcError:
    """What a client is told about an exception that nobody foresaw: nothing but where to look."""
    log.error("request %s failed", request_id, exc_info=error)
    return InternalError(f"an internal error; the server's log has it under {request_id}")


def install(app: FastAPI) -> None:
    """Make every exception of ``app`` an envelope."""
    from aigc.server import validation

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, AigcError)
        trace.of(request.scope).error = error.code
        return response(error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return await ours(request, validation.in_words(error.errors(), error.body))

    async def of_router(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            return _other_method(request, (error.headers or {}).get("Allow", ""))
        where = f"{request.method} {request.url.path[:80]}"
        if error.status_code == 404:
            return await ours(request, NotFound(f"there is no endpoint {where}", hint="GET /openapi.json lists them"))
        return await ours(request, UserError(f"{where} can't be answered"))

    app.add_exception_handler(AigcError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, of_router)


def _other_method(request: Request, allow: str) -> Response:
    methods = {part.strip() for part in allow.split(",") if part.strip()}
    methods |= {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    headers = {"allow": ", ".join(sorted(methods))}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    error = WrongMethod(f"{request.method[:20]} is not for this path; accepted: {headers['allow']}")
    trace.of(request.scope).error = error.code
    answer = response(error)
    answer.headers.update(headers)
    return answer
