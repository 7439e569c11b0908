"""``aigc bench``: how fast a model is here.

Measured from outside, through the API, as a program would see it. Knows: what to send and what to count. Does not
know: engines.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc.cli.ask import open_client, with_model
from aigc.cli.chat import Yes
from aigc.cli.output import data_json, note, size, table
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.client.sync import Client

_WORDS = (
    "river stone lamp winter copper garden letter engine silver market window thunder paper castle morning bridge "
    "forest anchor candle harbor valley meadow ribbon pocket feather orchard kettle lantern saddle whistle barrel"
).split()


def bench(
    model: Annotated[str, typer.Option("--model", "-m", help="Id or alias of the model.")] = "default",
    prompt_tokens: Annotated[int, typer.Option("--prompt-tokens", min=16, help="Length of the prompts.")] = 512,
    answer_tokens: Annotated[int, typer.Option("--answer-tokens", min=8, help="Length of the answers.")] = 128,
    streams: Annotated[
        list[int] | None, typer.Option("--streams", min=1, help="Answers side by side; may be given several times.")
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Runs of each measurement; the median counts.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    yes: Yes = False,
) -> None:
    """Loads the model if it isn't in memory, then measures the time to the first token of a long prompt, and tokens a
    second for one answer and for eight side by side. Prompts are random words, different each time, so that no cache
    helps. Other programs that compute meanwhile make every figure worse.

    Examples:
        aigc bench
        aigc bench --model tiny --streams 1 --streams 32
        aigc bench --json > bench.json
    """
    with open_client() as client:
        result = measure(client, model, prompt_tokens, answer_tokens, streams or [1, 8], repeats, yes)
    if json:
        data_json(result)
    else:
        _print(result)


def measure(
    client: Client, model: str, prompt_tokens: int, answer_tokens: int, streams: Sequence[int], repeats: int, yes: bool
) -> dict[str, Any]:
    """All figures of one model; seconds, tokens and bytes."""
    loaded = any(info.loaded for info in client.models() if model in (info.id, *info.aliases))
    note(t("loading ..."))
    start = time.perf_counter()
    first = with_model(client, model, yes, lambda: client.complete("Hello", model=model, stream=False, max_tokens=1))
    load_seconds = time.perf_counter() - start
    note(t("time to first token ..."))
    times = [_first_token(client, first.model, prompt_tokens) for _ in range(repeats)]
    rates = {}
    for count in streams:
        note(t("{count} side by side ...", count=count))
        runs = [_rate(client, first.model, count, answer_tokens) for _ in range(repeats)]
        rates[str(count)] = round(statistics.median(runs), 1)
    return {
        "model": first.model,
        "fingerprint": first.fingerprint,
        "load_seconds": None if loaded else round(load_seconds, 2),
        "prompt_tokens": prompt_tokens,
        "first_token_seconds": round(statistics.median(times), 3),
        "answer_tokens": answer_tokens,
        "tokens_per_second": rates,
        "repeats": repeats,
        "memory_bytes": _memory(client, first.model),
    }


def _prompt(client: Client, model: str, tokens: int) -> list[int]:
    """Random words as exactly so many token ids."""
    text = " ".join(random.choices(_WORDS, k=tokens))  # noqa: S311 - words to read, not secrets
    found: list[int] = client.request("POST", "tokenize", {"model": model, "input": text})["tokens"]
    return found[:tokens]


def _first_token(client: Client, model: str, tokens: int) -> float:
    prompt = _prompt(client, model, tokens)
    start = time.perf_counter()
    with client.complete(prompt, model=model, stream=True, max_tokens=2, temperature=0, ignore_eos=True) as stream:
        next(stream)
        return time.perf_counter() - start


def _rate(client: Client, model: str, count: int, tokens: int) -> float:
    """Tokens a second of all answers together, prompts excluded for one answer and included for several."""
    prompts = [_prompt(client, model, 16) for _ in range(count)]
    start = time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        runs = list(pool.map(lambda prompt: _answer(client, model, prompt, tokens), prompts))
    if count == 1:
        first, last, made = runs[0]
        return (made - 1) / max(last - first, 1e-9)
    return sum(made for _, _, made in runs) / (max(last for _, last, _ in runs) - start)


def _answer(client: Client, model: str, prompt: list[int], tokens: int) -> tuple[float, float, int]:
    """(time of the first piece, time of the last piece, tokens made)."""
    first = last = 0.0
    with client.complete(prompt, model=model, stream=True, max_tokens=tokens, temperature=0, ignore_eos=True) as stream:
        for delta in stream:
            if delta.text:
                last = time.perf_counter()
                first = first or last
    return first, last, stream.answer.usage.completion_tokens


def _memory(client: Client, model: str) -> int | None:
    """Resident memory of the model's process; None for a server that doesn't say."""
    from aigc.errors import AigcError

    try:
        workers = client.request("GET", "status")["workers"]
    except (AigcError, KeyError, TypeError):
        return None
    return sum(w["rss_bytes"] for w in workers if w["model"] == model) or None


def _print(result: dict[str, Any]) -> None:
    load, memory = result["load_seconds"], result["memory_bytes"]
    rows = [
        (t("model"), f"{result['model']} ({result['fingerprint']})"),
        (t("loading"), t("was in memory") if load is None else f"{load:.1f} s"),
        (
            t("first token, prompt of {tokens} tokens", tokens=result["prompt_tokens"]),
            f"{result['first_token_seconds']:.2f} s",
        ),
    ]
    for count, rate in result["tokens_per_second"].items():
        rows.append((t("{count} side by side", count=count), f"{rate:.1f} tokens/s"))
    rows.append((t("memory"), t("not known") if memory is None else size(memory)))
    table([t("what"), t("figure")], rows)
