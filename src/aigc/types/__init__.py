"""Values that cross layers: what a model is asked, what it answers, which models there are.

All are frozen `msgspec.Struct`s: the same objects travel as msgpack between server and worker and are
checked while they are decoded. Shaped after OpenAI's API, minus what only the HTTP layer needs to know
(ids, timestamps, ``object`` names).

Knows: which values there are. Does not know: HTTP, engines, sockets.
"""

from __future__ import annotations

from collections.abc import Callable

from aigc.types.base import (
    JSON,
    Failure,
)
from aigc.types.models import (
    Capability,
    EngineFile,
    ModelSpec,
)
from aigc.types.pictures import (
    ImageMade,
    ImageRequest,
    ImagesDone,
    ImageStep,
    PictureEvent,
    PictureRequest,
    Raster,
    RestoreRequest,
)
from aigc.types.sound import (
    Samples,
    SoundEvent,
    SoundFile,
    SoundRequest,
    SpeechDone,
    SpeechPiece,
    SpeechRequest,
    SpokenWord,
    TranscribeRequest,
    TranscriptDone,
    TranscriptEvent,
    TranscriptSegment,
    TranscriptStarted,
    TranscriptStep,
    Voice,
)
from aigc.types.text import (
    Delta,
    Embeddings,
    EmbedRequest,
    Feature,
    Finished,
    FinishReason,
    Grammar,
    Message,
    ReasoningEffort,
    Sampling,
    Started,
    TextEvent,
    TextRequest,
    TokenizeRequest,
    TokenLogprob,
    Tokens,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    ToolKind,
    TopLogprob,
    Usage,
)

__all__ = [
    "FINAL",
    "JSON",
    "Capability",
    "Deliver",
    "Delta",
    "EmbedRequest",
    "Embeddings",
    "EngineFile",
    "Event",
    "Failure",
    "Feature",
    "FinishReason",
    "Finished",
    "Grammar",
    "ImageMade",
    "ImageRequest",
    "ImageStep",
    "ImagesDone",
    "Message",
    "ModelSpec",
    "PictureEvent",
    "PictureRequest",
    "Raster",
    "ReasoningEffort",
    "Request",
    "RestoreRequest",
    "Samples",
    "Sampling",
    "SoundEvent",
    "SoundFile",
    "SoundRequest",
    "SpeechDone",
    "SpeechPiece",
    "SpeechRequest",
    "SpokenWord",
    "Started",
    "TextEvent",
    "TextRequest",
    "TokenLogprob",
    "TokenizeRequest",
    "Tokens",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolChoice",
    "ToolKind",
    "TopLogprob",
    "TranscribeRequest",
    "TranscriptDone",
    "TranscriptEvent",
    "TranscriptSegment",
    "TranscriptStarted",
    "TranscriptStep",
    "Usage",
    "Voice",
]

Request = TextRequest | EmbedRequest | TokenizeRequest | PictureRequest | SoundRequest
Event = TextEvent | Embeddings | Tokens | PictureEvent | SoundEvent | Failure
FINAL = (Usage, Embeddings, Tokens, ImagesDone, SpeechDone, TranscriptDone, Failure)
"""An event of one of these types is the last of its request."""

Deliver = Callable[[Event], None]
"""Takes the events of one answer in their order. It is called for every token: it returns at once and never raises."""
