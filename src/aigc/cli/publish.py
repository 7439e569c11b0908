"""``aigc publish``: from a run to a model that is served.

Knows: run folders, model folders, the card's form. Does not know: networks; how they are exported is their recipe's
matter.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aigc.cli.models import open_store
from aigc.cli.output import data, note
from aigc.errors import Conflict, UserError
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.recipes.publish import Published

CARD = "README.md"


def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a run that `aigc train` made.")],
    name: Annotated[str | None, typer.Option("--name", help="Id of the model; none: the folder's name.")] = None,
    enlarger: Annotated[
        Path | None, typer.Option("--enlarger", help="Run of image/restorer that doubles the sides of its pictures.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option("--into", help="Write the folder there instead of installing the model.")
    ] = None,
    notes: Annotated[
        Path | None, typer.Option("--notes", help="Markdown file for the card: what the data is, what it can't do.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of a model of that name.")] = False,
) -> None:
    """Exports the newest checkpoint: networks as ONNX, which `aigc serve` runs without torch, weights as safetensors,
    and a model card with settings, figures and samples. Nothing is installed before OpenVINO and torch were seen to
    compute the same.

    Examples:
        aigc publish runs/flow --name my-pictures --enlarger runs/restorer
        aigc image "a lake at dawn" --model my-pictures
        aigc publish runs/restorer --into ./my-restorer  # a folder to give away; `aigc pull ./my-restorer` installs it
    """
    from aigc.recipes.publish import publish as export

    model_id = name or run.resolve().name
    store = open_store()
    if into is None and not replace and model_id in {spec.id for spec in store.list()}:
        raise Conflict(
            t("{name} is installed already", name=model_id), hint=t("choose another --name, or add --replace")
        )
    if into is not None and into.exists() and any(into.iterdir()) and not replace:
        raise Conflict(t("{folder} is not empty", folder=into), hint=t("choose another folder, or add --replace"))
    said = _read(notes)
    note(t("exporting {run} and comparing OpenVINO with torch", run=run))
    made = export(run, enlarger)
    if into is not None:
        into.mkdir(parents=True, exist_ok=True)
        write(into, model_id, run, made, said)
        data(str(into))
        return
    with tempfile.TemporaryDirectory() as beside:
        folder = Path(beside) / model_id
        folder.mkdir()
        write(folder, model_id, run, made, said)
        if replace and model_id in {spec.id for spec in store.list()}:
            store.remove(model_id)
        spec = store.pull(str(folder), name=model_id)
    data(t("{name} is installed", name=spec.id))
    note(t("try it: {command}", command=_example(made, spec.id)))


def _read(notes: Path | None) -> str:
    """The text of ``--notes``. Raises: UserError: it can't be read."""
    if notes is None:
        return ""
    try:
        return notes.read_text("utf-8").strip() + "\n\n"
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(t("{path} can't be read: {reason}", path=notes, reason=str(error)), param="notes") from error


def write(folder: Path, model_id: str, run: Path, made: Published, notes: str = "") -> None:
    """Write a model folder: networks, weights, card, samples, and ``model.json`` last."""
    import msgspec

    from aigc.engines import model_folder

    files = dict(made.files)
    for sheet in _newest(run):
        files["samples.png" if sheet.parent.name == "samples" else sheet.name] = sheet.read_bytes()
    files[CARD] = _card(model_id, run, made, notes, sorted(files)).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    model = model_folder.ModelFolder(
        id=model_id,
        engine=made.engine,
        capabilities=made.capabilities,
        memory_bytes=made.memory_bytes,
        created=int(time.time()),
        licence="Apache-2.0",
        languages=made.languages,
        settings=made.settings,
        training=made.training,
        files=model_folder.describe(files),
    )
    beside = folder / f".{model_folder.DESCRIPTION}"
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(model), indent=1) + b"\n")
    shutil.move(beside, folder / model_folder.DESCRIPTION)


def _newest(run: Path) -> list[Path]:
    """The newest sheet of samples, and the curves."""
    sheets = sorted((run / "samples").glob("*.png"))[-1:]
    return [*sheets, *([run / "curves.png"] if (run / "curves.png").exists() else [])]


def _card(model_id: str, run: Path, made: Published, notes: str, files: list[str]) -> str:
    """The model card: what is known from the run."""
    from aigc.recipes.base import public, read_run
    from aigc.recipes.image.stickers.credits import credits

    kept = read_run(run)
    settings, before = public(kept["settings"]), kept.get("from")
    figures = _figures(run / "metrics.jsonl")
    lines = [
        f"# {model_id}",
        "",
        f"Trained by the recipe `{kept['recipe']}` of aigc; licence Apache-2.0.",
        "",
        "| | |",
        "|---|---|",
        f"| data | {', '.join(settings['data'])} ({settings['pictures']} pictures of each) |",
        *([f"| began from | {before['name']}, after {before['samples']:,} samples |"] if before else []),
        f"| seen | {made.samples:,} samples in {made.step:,} steps |",
        f"| compute | {made.seconds / 3600:.2f} hours |",
        f"| weights | {sum(map(len, made.files.values())) / 1e6:.1f} MB |",
        *(f"| {name.replace('_', ' ')} | {value:.4g} |" for name, value in figures.items()),
        "",
    ]
    lines += [credits(settings["data"]), notes]
    lines += [f"![{Path(name).stem}]({name})\n" for name in files if name.endswith(".png")]
    lines += ["All settings:", "", "```json", json.dumps(settings, indent=1), "```", ""]
    return "\n".join(lines)


def _figures(diary: Path) -> dict[str, float]:
    """The newest figures on held-out data."""
    found: dict[str, float] = {}
    if diary.exists():
        for line in diary.read_text("utf-8").splitlines():
            row = json.loads(line)
            found |= {k: float(v) for k, v in row.items() if k.startswith("held_out")}
    return found


def _example(made: Published, model_id: str) -> str:
    if "restoration" in made.capabilities:
        return f"aigc restore photo.jpg --model {model_id}"
    return f'aigc image "a lake at dawn" --model {model_id}'
