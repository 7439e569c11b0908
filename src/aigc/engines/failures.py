"""How an error leaves a worker: as a `aigc.types.Failure`, with words that are safe to show.

Knows: our errors and everybody else's. Does not know: services, sockets.
"""

from __future__ import annotations

import logging

from aigc.errors import AigcError, EngineError
from aigc.types import Failure

_log = logging.getLogger(__name__)


def failure(error: BaseException) -> Failure:
    """An error as an event. What isn't ours is logged and told as an `EngineError` without its words."""
    if not isinstance(error, AigcError):
        _log.error("unexpected error while answering", exc_info=error)
        error = EngineError("the engine failed while answering")
    return Failure(
        name=type(error).__name__,
        message=error.message,
        param=error.param,
        hint=error.hint,
        retry_after_seconds=error.retry_after_seconds,
    )
