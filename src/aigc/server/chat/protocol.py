"""What ``POST /v1/chat/completions`` accepts. Field by field as in OpenAI's CreateChatCompletionRequest.

``docs/reference/compatibility.toml`` says the same in a table; a test compares both with OpenAI's document.

Knows: fields, ranges, which can't be honoured and why. Does not know: answers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from aigc.server.chat.messages import AnyMessage, Content, text_of, to_message
from aigc.server.chat.tools import AnyTool, Choice, FunctionChoice, LegacyFunction, to_choice, to_tools
from aigc.server.errors import InvalidValue
from aigc.server.fields import Body, Flag, Label, Metadata, Sampled, Text, TokenLimit, only, refused
from aigc.types import JSON, ReasoningEffort, TextRequest


class SchemaSpec(Body):
    """A JSON schema that the answer must match."""

    model_config = ConfigDict(protected_namespaces=())

    name: Annotated[str, Field(strict=True, pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: Text | None = None
    json_schema: Annotated[dict[str, Any], Field(alias="schema")]
    strict: Flag | None = None
    """The schema is enforced in any case."""


class TextFormat(Body):
    """Anything."""

    type: Literal["text"]


class ObjectFormat(Body):
    """Some JSON object."""

    type: Literal["json_object"]


class SchemaFormat(Body):
    """JSON that a schema accepts."""

    type: Literal["json_schema"]
    json_schema: SchemaSpec


ResponseFormat = Annotated[TextFormat | ObjectFormat | SchemaFormat, Field(discriminator="type")]


class Prediction(Body):
    """What the answer will be, the client believes. It never changes the answer."""

    type: Literal["content"]
    content: Content


class VoiceId(Body):
    """A voice by its id."""

    id: Annotated[str, Field(strict=True, min_length=1, max_length=64)]


class SpokenForm(Body):
    """How an answer is to sound."""

    voice: Annotated[str, Field(strict=True, min_length=1, max_length=64)] | VoiceId
    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"]

    @property
    def voice_id(self) -> str:
        """Of the voice, in either form."""
        return self.voice if isinstance(self.voice, str) else self.voice.id


class ChatRequest(Sampled):
    """A chat to be continued."""

    messages: Annotated[list[AnyMessage], Field(min_length=1, max_length=2048, fail_fast=True)]
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    logprobs: Flag | None = None
    top_logprobs: Annotated[int, Field(strict=True, ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[AnyTool], Field(max_length=128, fail_fast=True)] | None = None
    tool_choice: Choice | None = None
    parallel_tool_calls: Flag | None = None
    functions: Annotated[list[LegacyFunction], Field(min_length=1, max_length=128, fail_fast=True)] | None = None
    function_call: FunctionChoice | None = None
    metadata: Metadata | None = None
    safety_identifier: Annotated[str, Field(strict=True, max_length=64)] | None = None
    prompt_cache_key: Label | None = None
    prompt_cache_retention: Annotated[
        str | None, only("in_memory", reason="the prompt cache lives in memory and ends with the model's process")
    ] = None
    prompt_cache_options: Annotated[None, refused("how long the prompt cache lives can't be promised")] = None
    store: Flag | None = None
    service_tier: Annotated[str | None, only("auto", "default", reason="there is one tier")] = None
    reasoning_effort: ReasoningEffort | None = None
    verbosity: Annotated[str | None, only("medium", reason="no installed model has a dial for it")] = None
    modalities: Annotated[list[str] | None, only(["text"], ["text", "audio"], reason="sound comes with its words")] = (
        None
    )
    audio: SpokenForm | None = None
    prediction: Prediction | None = None
    web_search_options: Annotated[None, refused("this server searches nothing and works without a network")] = None
    moderation: Annotated[None, refused("no moderation model is installed")] = None

    def to_request(self) -> TextRequest:
        """What the runtime is asked. Raises: InvalidValue: fields that contradict each other."""
        self._check_pairs()
        tools = to_tools(self.functions or self.tools or ())
        if self.functions is not None:
            choice = to_choice(self.function_call, tools, "function_call")
        else:
            choice = to_choice(self.tool_choice, tools, "tool_choice")
        return TextRequest(
            messages=tuple(to_message(message) for message in self.messages),
            tools=tools,
            tool_choice=choice,
            parallel_tool_calls=self.functions is None and self.parallel_tool_calls is not False,
            schema=self._schema(),
            n=self.n or 1,
            max_tokens=self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens,
            stop=tuple(self.stop or ()),
            sampling=self.sampling(),
            prediction=None if self.prediction is None else text_of(self.prediction.content),
            reasoning_effort=self.reasoning_effort,
            top_logprobs=(self.top_logprobs or 0) if self.logprobs else None,
            ignore_eos=bool(self.ignore_eos),
        )

    def _schema(self) -> JSON | None:
        if isinstance(self.response_format, SchemaFormat):
            return self.response_format.json_schema.json_schema
        return {"type": "object"} if isinstance(self.response_format, ObjectFormat) else None

    @property
    def spoken(self) -> SpokenForm | None:
        """How the answer is to sound; None: in writing."""
        return self.audio if self.modalities is not None and "audio" in self.modalities else None

    def _check_spoken(self) -> None:
        wanted = self.modalities is not None and "audio" in self.modalities
        if wanted != (self.audio is not None):
            raise InvalidValue('audio and modalities: ["text", "audio"] need each other', param="audio")
        if self.audio is None:
            return
        if self.stream and self.audio.format != "pcm16":
            raise InvalidValue(
                f"audio.format is {self.audio.format!r}; accepted in a stream: 'pcm16'", param="audio.format"
            )
        for name, given in (("n", (self.n or 1) > 1), ("logprobs", self.logprobs), ("response_format", self._schema())):
            if given:
                raise InvalidValue(f"{name} can't be combined with an answer that is spoken", param=name)

    def _check_pairs(self) -> None:
        self._check_spoken()
        if self.top_logprobs is not None and not self.logprobs:
            raise InvalidValue("top_logprobs needs logprobs: true", param="top_logprobs")
        if None not in (self.max_tokens, self.max_completion_tokens) and self.max_tokens != self.max_completion_tokens:
            raise InvalidValue(
                f"max_tokens is {self.max_tokens} and max_completion_tokens is {self.max_completion_tokens}; "
                "accepted: one of them",
                param="max_tokens",
            )
        if self.functions is not None and (self.tools or self.tool_choice is not None):
            raise InvalidValue("functions is the older form of tools; accepted: one of them", param="functions")
        if self.function_call not in (None, "none", "auto") and self.functions is None:
            raise InvalidValue("function_call needs functions", param="function_call")
        if self.ignore_eos and (self.tools or self.functions or self._schema()):
            raise InvalidValue("ignore_eos can't be combined with tools or a JSON format", param="ignore_eos")
