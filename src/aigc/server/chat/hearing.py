"""Spoken parts of a chat's messages become their words before the model is asked.

Knows: `input_audio`, temporary files. Does not know: codecs, how words are recognised.
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile

from aigc.errors import UserError
from aigc.server.chat.messages import SoundPart, TextPart, UserMessage
from aigc.server.chat.protocol import ChatRequest
from aigc.server.errors import InvalidValue
from aigc.server.ports import Runtime
from aigc.server.voice.reply import hear
from aigc.types import SoundFile, TranscribeRequest

MOST_SECONDS = 3600.0
"""Of one sound."""


async def written_down(body: ChatRequest, runtime: Runtime) -> tuple[ChatRequest, list[str]]:
    """The request with words where sound was, and those words one by one.

    Raises:
        UserError: a part is no sound, or nothing can be recognised here; ``param`` says which part.
    """
    heard: list[str] = []
    messages = list(body.messages)
    for at, message in enumerate(messages):
        if not isinstance(message, UserMessage) or isinstance(message.content, str):
            continue
        parts = list(message.content)
        for index, part in enumerate(parts):
            if isinstance(part, SoundPart):
                words = await _words(part, runtime, f"messages.{at}.content.{index}.input_audio")
                heard.append(words)
                parts[index] = TextPart(type="text", text=words)
        messages[at] = message.model_copy(update={"content": parts})
    return (body.model_copy(update={"messages": messages}) if heard else body), heard


async def _words(part: SoundPart, runtime: Runtime, param: str) -> str:
    try:
        data = base64.b64decode(part.input_audio.data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidValue(f"{param}.data is not base64", param=f"{param}.data") from error
    model = runtime.resolve("default", "transcription")
    # A file, not a buffer: it is the worker that opens it, so that a hostile one can hurt nobody else.
    handle, path = tempfile.mkstemp(suffix=f".{part.input_audio.format}", prefix="aigc-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        request = TranscribeRequest(sound=SoundFile(path=path), most_seconds=MOST_SECONDS)
        return (await hear(runtime, model, request)).text
    except UserError as error:
        error.param = f"{param}.data"
        raise
    finally:
        os.unlink(path)
