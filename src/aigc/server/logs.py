"""Log lines on stderr: one JSON object each for programs, plain words on a terminal.

Knows: the notes on a request. Does not know: prompts, keys, answers, paths as the client wrote them.
"""

from __future__ import annotations

import logging
import sys
from datetime import datetime, timezone
from typing import Any

import msgspec

from aigc.server.trace import Trace

requests = logging.getLogger("aigc.requests")


def finished(trace: Trace, status: int) -> None:
    """Write the line of a request that has ended. Status 499: the client left before an answer began."""
    if not requests.isEnabledFor(logging.INFO):
        return
    fields: dict[str, Any] = {
        "request_id": trace.id,
        "method": trace.method[:16],
        "route": trace.route,
        "status": status,
        "ms": round(trace.seconds() * 1000, 1),
    }
    if trace.model is not None:
        fields |= {"model": trace.model, "stream": trace.stream}
        fields |= {"prompt_tokens": trace.prompt_tokens, "completion_tokens": trace.completion_tokens}
        if trace.first_token_seconds is not None:
            fields["first_token_ms"] = round(trace.first_token_seconds * 1000, 1)
    if trace.error is not None:
        fields["error"] = trace.error
    requests.info("request", extra={"fields": fields})


def _utc(seconds: float) -> str:
    """ISO 8601; plain seconds where the clock is so wrong that there is no such year."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.3f}"


class JsonLines(logging.Formatter):
    """``{"time": ..., "level": ..., "logger": ..., "message": ..., ...}``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line for ``record``; a traceback is a field of it."""
        line = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class PlainLines(logging.Formatter):
    """``12:34:56 warning  message key=value ...``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line for ``record``, and its traceback below it."""
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        fields = " ".join(f"{name}={value}" for name, value in getattr(record, "fields", {}).items())
        line = f"{time} {record.levelname.lower():<8} {record.getMessage()} {fields}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(level: str) -> None:
    """Send the log of this package and of uvicorn to stderr; for programs, not for libraries.

    Args:
        level: debug, info, warning or error.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(PlainLines() if sys.stderr.isatty() else JsonLines())
    for name in ("aigc", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
    logging.getLogger("aigc").setLevel(level.upper())
    logging.getLogger("uvicorn").setLevel("WARNING" if level == "info" else level.upper())
