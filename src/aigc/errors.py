"""Every error that aigc raises on purpose, and the OpenAI error that each one becomes.

::

    AigcError
      + UserError                the request is wrong                       400 invalid_request_error
      |   - UnsupportedParameter   a parameter that nothing here can honour   400 unsupported_parameter
      |   - ContextOverflow        prompt + answer exceed the context         400 context_length_exceeded
      |   - InvalidSchema          a schema or grammar that can't be enforced 400 invalid_json_schema
      |   - InvalidPicture         a file that is no picture, or a bad one    400 invalid_image_file
      |   - InvalidSound           a file without sound, or a damaged one     400 invalid_audio_file
      |   - TooLarge               body, header or file over its limit        413 request_too_large
      |   - AuthenticationFailed   no key, or a wrong one                     401 invalid_api_key
      |   - Forbidden              the key may not do this                    403 permission_denied
      |   - NotFound               no such thing, or it is someone else's     404 not_found
      |   |   - UnknownModel         no model of that name                      404 model_not_found
      |   - Conflict               it exists, or is in use                    409 conflict
      + Busy                     the queue is full                          429 rate_limit_exceeded
      + Unreachable              no server answers at the address           503 server_unreachable
      + InsufficientMemory       the model can't fit                        503 insufficient_memory
      + StorageBusy              the database is held by another program    503 storage_busy
      + StorageFull              no room, or a write failed                 507 storage_full
      + Cancelled                the caller went away                       499 cancelled
      + Diverged                 a loss in training is no number any more   500 training_diverged
      + EngineError              the library below failed                   500 engine_error
      |   - EngineMissing          an engine that isn't installed             501 engine_not_installed
      |   - WorkerDied             the process of a model ended               502 worker_died
      + StoreError               a model can't be fetched or is damaged     502 store_error
          - ChecksumMismatch       bytes differ from what the catalogue says  502 checksum_mismatch
          - InvalidModelFile       the header check refused the file          422 invalid_model_file

Knows: names, statuses and words. Does not know: HTTP frameworks, sockets, terminals.
A message says what was wrong, the value seen and what is accepted; ``hint`` says what to do next.
"""

from __future__ import annotations

from typing import ClassVar


class AigcError(Exception):
    """Base of every error raised on purpose.

    Args:
        message: what was wrong, with the value seen and what is accepted; safe to show to a client.
        param: name of the request's field at fault, as the client spelled it.
        hint: what the reader can do next, one sentence.
        retry_after_seconds: when the same request may succeed; sent as ``Retry-After``.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str | None] = None
    request_id: str | None = None
    """Which request failed; set by the client that received the error, quote it when you ask for help."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        hint: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.hint = hint
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UserError(AigcError):
    """The request is wrong; sending it again won't help."""

    status = 400
    type = "invalid_request_error"


class UnsupportedParameter(UserError):
    """A parameter that no engine here can honour. It is refused, never ignored."""

    code = "unsupported_parameter"


class ContextOverflow(UserError):
    """Prompt and answer don't fit into the model's context; the message holds both numbers."""

    code = "context_length_exceeded"


class InvalidSchema(UserError):
    """A JSON schema, grammar or regular expression that can't be enforced."""

    code = "invalid_json_schema"


class InvalidPicture(UserError):
    """A file that is no picture, a damaged one, or one of a kind that isn't read; or a mask that masks nothing."""

    code = "invalid_image_file"


class InvalidSound(UserError):
    """A file without sound, a damaged one, or one of a kind that isn't read; the message says how far it went."""

    code = "invalid_audio_file"


class TooLarge(UserError):
    """Header, body or file over its documented limit."""

    status = 413
    code = "request_too_large"


class AuthenticationFailed(UserError):
    """No key, or one that is not known."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(UserError):
    """The key is known but may not do this."""

    status = 403
    type = "permission_error"
    code = "permission_denied"


class NotFound(UserError):
    """No such thing, or it belongs to someone else: the answer is the same."""

    status = 404
    code = "not_found"


class UnknownModel(NotFound):
    """No model of that name is installed, listed or aliased."""

    code = "model_not_found"


class Conflict(UserError):
    """It exists already, or something is using it."""

    status = 409
    code = "conflict"


class Busy(AigcError):
    """The queue is full; ``retry_after_seconds`` says when to come back."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class Unreachable(AigcError):
    """No server answers at the address, or the connection broke; nothing is known about the request."""

    status = 503
    code = "server_unreachable"


class InsufficientMemory(AigcError):
    """The model can't fit into the memory budget; the message holds both numbers."""

    status = 503
    code = "insufficient_memory"


class StorageBusy(AigcError):
    """The database can't be used at the moment: another program holds it, or its server doesn't answer."""

    status = 503
    code = "storage_busy"


class StorageFull(AigcError):
    """A write failed: the disk is full or broken. Nothing half-written stays visible."""

    status = 507
    code = "storage_full"


class Cancelled(AigcError):
    """The caller went away or asked to stop."""

    status = 499
    code = "cancelled"


class Diverged(AigcError):
    """A loss in training became infinite or no number; the message holds the step and the last good checkpoint."""

    code = "training_diverged"


class EngineError(AigcError):
    """The library below failed; the original error is ``__cause__``."""

    code = "engine_error"


class EngineMissing(EngineError):
    """The engine's library isn't installed; the hint names the extra."""

    status = 501
    code = "engine_not_installed"


class WorkerDied(EngineError):
    """The process that held the model ended while it was answering."""

    status = 502
    code = "worker_died"


class StoreError(AigcError):
    """A model can't be fetched, read or written."""

    status = 502
    code = "store_error"


class ChecksumMismatch(StoreError):
    """The bytes differ from what the catalogue or the manifest says."""

    code = "checksum_mismatch"


class InvalidModelFile(StoreError):
    """The header check refused a model file before any native code saw it."""

    status = 422
    code = "invalid_model_file"


def _leaves(base: type[AigcError]) -> dict[str, type[AigcError]]:
    found = {base.__name__: base}
    for child in base.__subclasses__():
        found |= _leaves(child)
    return found


def all_classes() -> list[type[AigcError]]:
    """Every class of the tree, the base included."""
    return list(_leaves(AigcError).values())


def by_name(name: str) -> type[AigcError]:
    """The class of that name; `EngineError` for a name that isn't ours.

    Errors cross the socket between worker and server by class name.
    """
    return _leaves(AigcError).get(name, EngineError)
