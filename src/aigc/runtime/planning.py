"""Which engine answers a request, and how much memory a model may take: pure functions of what is known.

Knows: features, sizes, limits. Does not know: processes, clocks, files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from aigc.engines import registry
from aigc.engines.base import LoadOptions
from aigc.errors import InsufficientMemory, UnsupportedParameter
from aigc.types import EngineFile, Feature, ModelSpec

_TOKENS_PER_SEQUENCE = 512
"""Cache tokens set aside for each of many short answers, beside room for two full contexts."""

_PARAMETERS: dict[Feature, str] = {
    "seed": "seed",
    "penalties": "presence_penalty",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "prompt_logprobs": "echo",
    "logit_bias": "logit_bias",
    "schema": "response_format",
    "tools": "tools",
    "top_k": "top_k",
    "min_p": "min_p",
}


def choose_engine(spec: ModelSpec, needs: Collection[Feature], has_room: Callable[[EngineFile], bool]) -> EngineFile:
    """The first engine of ``spec`` that honours ``needs`` and has room; the first at all if none has.

    The order of the catalogue counts, not what happens to be loaded: else one request for log-probabilities would
    leave the slower engine answering everybody.

    Args:
        spec: the model.
        needs: what the request asks for.
        has_room: whether an engine is in memory, or fits without another model leaving it.
    Raises:
        UnsupportedParameter: no engine of this model can; names the parameter.
    """
    able = [file for file in spec.engines if set(needs) <= registry.features(file.engine)]
    if able:
        return next((file for file in able if has_room(file)), able[0])
    raise _unsupported(spec, needs)


def _unsupported(spec: ModelSpec, needs: Collection[Feature]) -> UnsupportedParameter:
    engines = ", ".join(file.engine for file in spec.engines)
    for feature in sorted(needs):
        if not any(feature in registry.features(file.engine) for file in spec.engines):
            return UnsupportedParameter(
                f"{spec.id} runs on {engines}, which can't honour {_PARAMETERS[feature]}",
                param=_PARAMETERS[feature],
                hint="leave it out, or ask a model that runs on llama_cpp",
            )
    names = ", ".join(_PARAMETERS[feature] for feature in sorted(needs))
    return UnsupportedParameter(
        f"no engine of {spec.id} ({engines}) honours all of {names} in one request", hint="leave one of them out"
    )


def load_options(
    spec: ModelSpec, file: EngineFile, *, context_tokens: int, max_sequences: int, threads: int, lookup_tokens: int = 0
) -> LoadOptions:
    """Sizes for a model about to be loaded.

    Args:
        spec: the model.
        file: the engine, with its cache size per token.
        context_tokens: wanted by the settings; the model's own limit wins when it is smaller.
        max_sequences: answers side by side.
        threads: cores to compute with. An engine that spins leaves one to the rest of the machine: with the 1.5B model
            on two cores, llama.cpp makes 23 tokens/s with two threads and 7 beside a busy neighbour, 16 with one
            thread in both cases (docs/lab/LOG.md).
        lookup_tokens: that a step may guess from repeated text; 0: none.
    """
    context = min(context_tokens, spec.context_tokens)
    cache_tokens = max(2 * context, _TOKENS_PER_SEQUENCE * max_sequences)
    return LoadOptions(
        threads=max(1, threads - 1) if registry.spins(file.engine) else threads,
        context_tokens=context,
        cache_bytes=file.cache_bytes_per_token * cache_tokens,
        max_sequences=max_sequences,
        lookup_tokens=lookup_tokens,
    )


def reserved_bytes(file: EngineFile, options: LoadOptions) -> int:
    """Memory that a loaded model is expected to need at most."""
    return file.memory_bytes + options.cache_bytes


def evictions(needed: int, budget: int, loaded: Sequence[tuple[str, int, bool]], model: str) -> list[str] | None:
    """Who has to go so that ``needed`` bytes fit.

    Args:
        needed: bytes of the newcomer.
        budget: bytes for all.
        loaded: (name, bytes, busy), least recently used first.
        model: the newcomer, for the error.
    Returns:
        Names to unload, possibly none; None if it would fit but those in memory are busy.
    Raises:
        InsufficientMemory: it can't ever fit; holds both numbers.
    """
    if needed > budget:
        raise InsufficientMemory(
            f"{model} needs about {needed / 2**30:.1f} GiB of memory; the budget is {budget / 2**30:.1f} GiB",
            hint="take a smaller model, lower AIGC_CONTEXT_TOKENS, or raise AIGC_MEMORY_BUDGET_BYTES if there is more",
        )
    free = budget - sum(size for _, size, _ in loaded)
    leaving: list[str] = []
    for name, size, busy in loaded:
        if free >= needed:
            break
        if not busy:
            leaving.append(name)
            free += size
    return leaving if free >= needed else None
