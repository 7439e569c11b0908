"""The judgements of ``aigc doctor``: from facts to sentences.

Knows: what serving needs, and what was measured on two cores. Does not know: how to print.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aigc.cli.machine import Machine, read_bandwidth
from aigc.cli.output import size
from aigc.errors import AigcError
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.settings import Settings
    from aigc.store import Store

_CONVERSION_SHARE = 2.2
"""Disk that a model takes at most while it is installed, over its download: file, converted copy, wheels on the way."""
_SPEED_SHARES = (0.5, 0.9)
"""Tokens/s of one answer, over memory bandwidth / bytes of the weights: measured 0.52 to 0.96 with both engines and
three models on two cores (AMD Zen 4), so half to nine tenths is a fair range."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor."""

    name: str
    state: Literal["ok", "warn", "fail"]
    text: str
    hint: str = ""


def run(settings: Settings, machine: Machine, *, verify: bool) -> list[Check]:
    """All checks, in the order in which they are read."""
    from aigc.store import Store

    store = Store(settings)
    found = [_python(machine), _cpu(machine), _memory(machine, store), *_engines(machine)]
    found += [*_models(store, verify), _default(settings, store), *_missing(settings, machine, store)]
    found += [_database(settings), _index(machine, settings), *_proxies(machine), _server(settings)]
    return found


def _python(machine: Machine) -> Check:
    return Check("Python", "ok", f"{machine.python}, {machine.system}")


def _cpu(machine: Machine) -> Check:
    features = ", ".join(machine.cpu_features) or t("no known vector features")
    text = t(
        "{cpu}; {cores} cores, {threads} usable threads; {features}",
        cpu=machine.cpu,
        cores=machine.cores,
        threads=machine.threads,
        features=features,
    )
    if machine.system.endswith(("x86_64", "AMD64")) and "avx2" not in machine.cpu_features:
        return Check(t("processor"), "warn", text, t("without AVX2 the llama.cpp engine can't start"))
    if machine.threads == 1:
        return Check(t("processor"), "warn", text, t("one thread serves everything: expect half the speed"))
    return Check(t("processor"), "ok", text)


def _memory(machine: Machine, store: Store) -> Check:
    free, total = _gib(machine.memory_free_bytes), _gib(machine.memory_total_bytes)
    text = t("{free} GiB free of {total} GiB", free=free, total=total)
    if machine.memory_limited:
        text += t(" (a container's limit leaves that much)")
    least = min(entry.memory_bytes for entry in store.catalogue().entries if "chat" in entry.capabilities)
    if machine.memory_free_bytes < least:
        return Check(t("memory"), "fail", text, t("the smallest chat model needs {size}", size=size(least)))
    return Check(t("memory"), "ok", text)


def _engines(machine: Machine) -> Iterator[Check]:
    usable = [name for name, facts in machine.engines.items() if facts.version and not facts.problem]
    for name, facts in machine.engines.items():
        label = t("engine {name}", name=name)
        state: Literal["warn", "fail"] = "warn" if usable else "fail"
        if facts.version is None:
            yield Check(label, state, t("not installed"), t("reinstall aigc: the engine is one of its dependencies"))
        elif facts.problem:
            hint = t("reinstall it, or read what it says")
            if "libgomp" in facts.problem or (name == "llama_cpp" and not machine.libgomp):
                hint = t("install the system's libgomp, e.g. `apt-get install libgomp1`")
            yield Check(label, state, f"{facts.version}: {facts.problem}", hint)
        else:
            yield Check(label, "ok", facts.version)


def _models(store: Store, verify: bool) -> Iterator[Check]:
    for spec in store.list():
        label = t("model {name}", name=spec.id)
        engines = ", ".join(e.engine for e in spec.engines)
        try:
            problems = list(store.verify(spec.id)) if verify else _wrong_sizes(store.show(spec.id))
        except AigcError as error:
            problems = [error.message]
        if problems:
            hint = t("`aigc rm {name}`, then `aigc pull {name}`", name=spec.id)
            yield Check(label, "fail", "; ".join(problems), hint)
        elif store.show(spec.id)["behind"]:
            hint = t("`aigc pull {name}` makes it ready again, without fetching it", name=spec.id)
            yield Check(label, "warn", t("an earlier version made it ready: it is slower than it could be"), hint)
        elif verify:
            yield Check(
                label, "ok", t("every byte is right; engines: {engines}", engines=engines) + _set_up(store, spec.id)
            )
        else:
            yield Check(
                label, "ok", t("all files are there; engines: {engines}", engines=engines) + _set_up(store, spec.id)
            )


def _set_up(store: Store, model_id: str) -> str:
    """What it took to get the model; nothing for one out of a bundle."""
    shown = store.show(model_id)
    if not shown["pull_seconds"]:
        return ""
    fetched = size(shown["size_bytes"])
    return t("; {fetched} fetched and made ready in {seconds} s", fetched=fetched, seconds=round(shown["pull_seconds"]))


def _wrong_sizes(shown: dict[str, Any]) -> list[str]:
    folder = Path(shown["folder"])
    wrong = []
    for file in shown["files"]:
        path = folder / file["path"]
        there = path.stat().st_size if path.is_file() else None
        if there != file["size_bytes"]:
            expected = file["size_bytes"]
            wrong.append(t("{file} has {there} bytes, not {expected}", file=path.name, there=there, expected=expected))
    return wrong


def _default(settings: Settings, store: Store) -> Check:
    label = t("default model")
    if settings.default_model != "auto":
        return Check(label, "ok", t("{name}, because AIGC_DEFAULT_MODEL says so", name=settings.default_model))
    chosen = store.default_id()
    if chosen is None:
        name = store.catalogue().get("default").id
        return Check(
            label, "warn", t("none is installed; {name} suits this machine", name=name), t("`aigc serve` fetches it")
        )
    needed = next((c.free_memory_bytes for c in store.catalogue().choices("default") if c.id == chosen), 0)
    if needed:
        why = t("at least {size} GiB of memory are free", size=_gib(needed))
    else:
        why = t("the largest installed chat model that fits the free memory")
    best = store.catalogue().get("default").id
    hint = "" if best == chosen else t("`aigc pull {name}` fetches one that suits this machine better", name=best)
    return Check(label, "ok", f"{chosen}: {why}. {_speed(store.show(chosen))}", hint)


def _speed(shown: dict[str, Any]) -> str:
    tokens = read_bandwidth() / shown["size_bytes"]
    low, high = (tokens * share for share in _SPEED_SHARES)
    return t(
        "Expect about {low} to {high} tokens/s for one answer; `aigc bench` measures it",
        low=f"{low:.0f}",
        high=f"{high:.0f}",
    )


def _missing(settings: Settings, machine: Machine, store: Store) -> Iterator[Check]:
    from aigc.cli.serve import missing

    entries = missing(settings, store)
    total = sum(entry.size_bytes for entry in entries)
    room = t("{free} free in {home}", free=size(machine.disk_free_bytes), home=settings.home)
    if not entries:
        yield Check(t("disk"), "ok", room)
        return
    needed = int(total * _CONVERSION_SHARE)
    if machine.disk_free_bytes < needed:
        hint = t("make room for {size}, or set AIGC_HOME to another disk", size=size(needed))
        yield Check(t("disk"), "fail", room, hint)
    else:
        yield Check(t("disk"), "ok", room)
    names = ", ".join(f"{entry.id} ({size(entry.size_bytes)})" for entry in entries)
    text = t("{names}: {size} together", names=names, size=size(total))
    hint = t("unset AIGC_OFFLINE, or `aigc unbundle FILE`") if settings.offline else t("`aigc serve` fetches them")
    yield Check(t("to fetch"), "warn", text, hint)


def _database(settings: Settings) -> Check:
    from aigc.db.database import examine

    label = t("database")
    try:
        revision = examine(settings.database)
    except AigcError as error:
        return Check(label, "fail", error.message, error.hint or "")
    if revision is None:
        return Check(label, "ok", t("none yet; the first start or command makes it"))
    return Check(label, "ok", t("it can be read; version {revision}", revision=revision))


def _index(machine: Machine, settings: Settings) -> Check:
    if settings.offline:
        return Check(t("package index"), "ok", t("not used: AIGC_OFFLINE is set"))
    if not machine.pip_settings:
        return Check(
            t("package index"), "ok", t("pip's own default; `pip config set global.index-url URL` sets another")
        )
    return Check(t("package index"), "ok", "; ".join(f"{k} = {v}" for k, v in machine.pip_settings.items()))


def _proxies(machine: Machine) -> Iterator[Check]:
    if machine.proxies:
        text = "; ".join(f"{kind}: {url}" for kind, url in machine.proxies.items())
        yield Check(t("proxies"), "ok", t("{proxies} (not used for this machine itself)", proxies=text))


def _server(settings: Settings) -> Check:
    from aigc.client.address import locate

    try:
        address = locate(None, None, settings)
    except AigcError as error:
        return Check(t("server"), "fail", error.message)
    if address.source == "server":
        return Check(t("server"), "ok", t("runs at {url}; requests go there", url=address.base_url))
    if address.base_url is None:
        return Check(t("server"), "ok", t("none runs; `aigc chat` and Python load models in their own process"))
    return _other_server(address.base_url)


def _other_server(base_url: str) -> Check:
    from aigc.client.address import healthy

    if healthy(base_url):
        return Check(t("server"), "ok", t("AIGC_BASE_URL names {url}, which answers", url=base_url))
    return Check(
        t("server"),
        "warn",
        t("AIGC_BASE_URL names {url}, which doesn't say that it is healthy", url=base_url),
        t("start it, or unset AIGC_BASE_URL"),
    )


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f}"
