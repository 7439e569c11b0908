"""The one reader of the environment and of ``aigc.toml``.

Every setting is one field below; its docstring-like ``help`` is what ``aigc doctor --settings`` prints and what
``docs/reference/settings.md`` is generated from. Order of precedence: explicit argument, environment variable
``AIGC_<NAME>``, ``aigc.toml`` (in ``AIGC_HOME``, or the file that ``AIGC_CONFIG`` names), default.

Knows: names, types, ranges and where values come from. Does not know: what they are used for.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

from aigc.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

CLOUD_NAMES = (
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-instruct",
    "gpt-4",
    "gpt-4-turbo",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "davinci-002",
    "babbage-002",
    "text-davinci-002",
    "text-davinci-003",
)
"""Names that programs written for the cloud ask for; each is answered by the default chat model."""

CLOUD_REALTIME_NAMES = (
    "gpt-realtime",
    "gpt-realtime-1.5",
    "gpt-realtime-2",
    "gpt-realtime-mini",
    "gpt-4o-realtime-preview",
    "gpt-4o-mini-realtime-preview",
    "gpt-audio",
    "gpt-audio-1.5",
    "gpt-audio-mini",
    "gpt-4o-audio-preview",
    "gpt-4o-mini-audio-preview",
)
"""The same for models that hear and speak: what the chat model says, others write down and speak."""

CLOUD_EMBEDDING_NAMES = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")
"""The same for embeddings."""
CLOUD_IMAGE_NAMES = (
    "dall-e-2",
    "dall-e-3",
    "gpt-image-1",
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-2",
    "gpt-image-2-2026-04-21",
    "chatgpt-image-latest",
)
"""The same for pictures."""
CLOUD_SPEECH_NAMES = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""The same for speech."""
CLOUD_TRANSCRIPTION_NAMES = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe")
"""The same for transcripts."""


_ALSO = {"hf_endpoint": ("HF_ENDPOINT",), "hf_token": ("HF_TOKEN",), "npm_index": ("NPM_CONFIG_REGISTRY",)}
"""Variables of other programs that mean the same."""
_FILE_ONLY = ("aliases", "remotes")
"""Tables: they don't fit into a variable."""


def _setting(default: Any, help: str, *, secret: bool = False) -> Any:
    meta = {"help": help, "secret": secret}
    if isinstance(default, (dict, list)):
        kind = type(default)
        return field(default_factory=lambda: kind(default), metadata=meta)
    return field(default=default, metadata=meta)


@dataclass(frozen=True, kw_only=True, slots=True)
class Remote:
    """Another OpenAI-compatible server whose models are served here under their own names."""

    name: str
    base_urls: tuple[str, ...]
    """Addresses that serve the same models; the least loaded healthy one is asked."""
    models: tuple[str, ...] = ()
    """Names to offer; empty: whatever the server lists."""
    api_key: str | None = None
    """Key for that server; ``env:NAME`` in aigc.toml reads it from the environment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything that can be set, with its default."""

    home: Path = _setting(Path(), "Folder for models, database, files and runs.")
    host: str = _setting("127.0.0.1", "Address to listen on. Any address but loopback needs a key.")
    port: int = _setting(8400, "Port to listen on; 0 takes a free one.")
    api_key: str | None = _setting(
        None, "A key that is accepted from the start (at least 16 characters); for services and tests.", secret=True
    )
    base_url: str | None = _setting(
        None,
        "Where the Python API and the command line send requests; unset: a server that runs on this machine, "
        "else a runtime in the process.",
    )
    database_url: str | None = _setting(None, "SQLAlchemy URL; unset: SQLite in the home folder.", secret=True)
    default_model: str = _setting("auto", "What the name `default` means; `auto` picks by memory and what is there.")
    context_tokens: int = _setting(8192, "Longest prompt plus answer to make room for; at most what the model allows.")
    memory_budget_bytes: int = _setting(
        0, "Memory that all loaded models may use together, e.g. `6g`; 0: three quarters of what is free at the start."
    )
    threads: int = _setting(0, "Compute threads of an engine; 0: as many as there are physical cores.")
    max_sequences: int = _setting(32, "Answers that one model computes side by side.")
    prompt_lookup_tokens: int = _setting(
        0,
        "Tokens that each step may guess from repeated text: one user's edits of code come up to twice as fast with 3, "
        "several users at once are slower; 0: none.",
    )
    queue_size: int = _setting(64, "Requests that may wait for a model; one more is answered 429.")
    preload: bool = _setting(True, "Load the default model when the server starts, not when the first request comes.")
    idle_seconds: float = _setting(600.0, "A model that nobody asked for this long is unloaded; 0: never.")
    load_seconds: float = _setting(300.0, "Longest time that a model may take to load.")
    hang_seconds: float = _setting(10.0, "A worker that is silent this long is replaced.")
    grace_seconds: float = _setting(30.0, "How long running answers may go on after SIGTERM.")
    max_body_bytes: int = _setting(8 * 2**20, "Longest request body.")
    max_upload_bytes: int = _setting(70 * 2**20, "Longest body of a request that brings pictures.")
    max_sound_bytes: int = _setting(512 * 2**20, "Longest body of a request that brings sound; it is kept on the disk.")
    max_sound_seconds: float = _setting(
        12 * 3600.0, "Longest sound that is written down, in seconds of sound, however small its file is."
    )
    body_seconds: float = _setting(30.0, "Longest time that a client may take to send its request.")
    stored_days: float = _setting(30.0, "Days that a chat with `store: true` is kept; 0: until somebody deletes it.")
    stored_completions: int = _setting(
        10_000, "Chats with `store: true` that one owner may have; 0: none, `store: true` is refused."
    )
    stored_bytes: int = _setting(2**30, "Bytes that these chats of one owner may have together, e.g. `500m`.")
    realtime_sessions: int = _setting(
        100, "Spoken conversations (`/v1/realtime`) at the same time; one more is answered 429."
    )
    realtime_seconds: float = _setting(3600.0, "Longest spoken conversation.")
    realtime_idle_seconds: float = _setting(
        600.0, "A spoken conversation in which the client sends nothing, not even silence, for this long is ended."
    )
    allowed_hosts: tuple[str, ...] = _setting((), "Names that the Host header may carry besides loopback and `host`.")
    trusted_proxies: tuple[str, ...] = _setting(
        (), "Addresses or networks of reverse proxies; only from them X-Forwarded-Proto is believed (cookie `Secure`)."
    )
    cors_origins: tuple[str, ...] = _setting((), "Web origins that browsers may call from; none by default.")
    log_level: str = _setting("info", "debug, info, warning or error. Keys and prompts are never logged.")
    lang: str | None = _setting(None, "Language of the command line: en or zh; unset: the locale's.")
    offline: bool = _setting(False, "Refuse to fetch anything; what is installed goes on working.")
    hf_endpoint: str = _setting("https://huggingface.co", "Hugging Face or a mirror of it (HF_ENDPOINT is read too).")
    hf_token: str | None = _setting(None, "Token for Hugging Face (HF_TOKEN is read too).", secret=True)
    npm_index: str | None = _setting(
        None,
        "Index of npm packages, for sets of stickers to train with; unset: what npm's own configuration names "
        "(NPM_CONFIG_REGISTRY, registry in ~/.npmrc).",
    )
    modelscope_endpoint: str = _setting("https://modelscope.cn", "ModelScope or a mirror of it.")
    aliases: dict[str, str] = _setting(
        {}, 'Other names for models, e.g. `{"gpt-4o" = "default"}`; added to the names of the cloud.'
    )
    remotes: tuple[Remote, ...] = _setting((), "Other OpenAI-compatible servers (`[[remotes]]` in aigc.toml).")

    def __post_init__(self) -> None:
        _between("port", self.port, 0, 65535)
        _between("context_tokens", self.context_tokens, 256, 1_048_576)
        _between("max_sequences", self.max_sequences, 1, 1024)
        _between("prompt_lookup_tokens", self.prompt_lookup_tokens, 0, 16)
        _between("queue_size", self.queue_size, 0, 100_000)
        _between("threads", self.threads, 0, 1024)
        _between("realtime_sessions", self.realtime_sessions, 0, 100_000)
        _between("realtime_seconds", self.realtime_seconds, 1, 86_400)
        _between("realtime_idle_seconds", self.realtime_idle_seconds, 1, 86_400)
        _between("stored_days", self.stored_days, 0, 36_500)
        _between("stored_completions", self.stored_completions, 0, 100_000_000)
        _between("stored_bytes", self.stored_bytes, 0, 2**50)
        for proxy in self.trusted_proxies:
            try:
                ipaddress.ip_network(proxy, strict=False)
            except ValueError:
                raise UserError(
                    f"trusted_proxies has {proxy!r}; accepted: addresses and networks like 10.0.0.1 or 10.0.0.0/8"
                ) from None
        if self.api_key is not None and not re.fullmatch(r"[!-~]{16,256}", self.api_key):
            raise UserError(
                "AIGC_API_KEY must be 16 to 256 printable ASCII characters without spaces",
                hint="`aigc keys create` makes one",
            )
        if self.lang not in (None, "en", "zh"):
            raise UserError(f"lang is {self.lang!r}; accepted: en, zh")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise UserError(f"log_level is {self.log_level!r}; accepted: debug, info, warning, error")

    @property
    def models_dir(self) -> Path:
        """Installed models, one folder each."""
        return self.home / "models"

    @property
    def run_dir(self) -> Path:
        """What a running server leaves for programs of the same user: address and one-run key, mode 0600."""
        return self.home / "run"

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.home / 'aigc.db'}"


def _between(name: str, value: float, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UserError(f"{name} is {value}; accepted: {low} to {high}")


def parse_size(text: str) -> int:
    """Bytes in ``512m``, ``6g``, ``1.5 GiB`` or a plain number. Raises: UserError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", text.lower())
    if match is None:
        raise UserError(f"{text!r} is not a size; accepted: a number with k, m, g or t, like 6g")
    return int(float(match[1]) * _UNITS[match[2]])


def _convert(name: str, kind: Any, value: Any, source: str) -> Any:
    options = [k for k in get_args(kind) if k is not type(None)]
    if options and type(None) in get_args(kind):
        kind = options[0]
    try:
        if kind is bool:
            return _boolean(value)
        if name.endswith("_bytes") and isinstance(value, str):
            return parse_size(value)
        if kind in (int, float) and not isinstance(value, bool):
            return kind(value)
        if kind in (str, Path) and isinstance(value, (str, Path)):
            return kind(value) if kind is str else Path(value).expanduser()
        if getattr(kind, "__origin__", None) is tuple:
            return _tuple(value, get_args(kind)[0])
        if isinstance(value, dict):
            return {str(k): str(v) for k, v in value.items()}
    except (TypeError, ValueError) as error:
        raise UserError(f"{source}: {value!r} is not accepted: {error}") from error
    raise UserError(f"{source}: {value!r} is not accepted: expected {getattr(kind, '__name__', kind)}")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if str(value).lower() not in known:
        raise ValueError("expected true or false")
    return known[str(value).lower()]


def _tuple(value: Any, item: Any) -> tuple[Any, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if item is Remote:
        return tuple(_remote(part) for part in value)
    return tuple(item(part) for part in value)


def _remote(table: Mapping[str, Any]) -> Remote:
    known = {f.name for f in dataclasses.fields(Remote)}
    if unknown := set(table) - known:
        raise ValueError(f"[[remotes]] has no {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    return Remote(
        name=str(table["name"]),
        base_urls=tuple(table["base_urls"]),
        models=tuple(table.get("models", ())),
        api_key=table.get("api_key"),
    )


def _with_key(remote: Remote, environ: Mapping[str, str]) -> Remote:
    """The remote with the key that its variable holds. Raises: UserError if it holds none."""
    if remote.api_key is None or not remote.api_key.startswith("env:"):
        return remote
    variable = remote.api_key[4:]
    if not environ.get(variable):
        raise UserError(f"[[remotes]] {remote.name}: api_key names the variable {variable}, which is not set")
    return dataclasses.replace(remote, api_key=environ[variable])


def _default_home() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("aigc", appauthor=False))


def load(environ: Mapping[str, str] | None = None, **explicit: Any) -> Settings:
    """Read the settings once.

    Args:
        environ: instead of the process's environment.
        **explicit: values that win over everything; ``None`` means not given.

    Raises:
        UserError: a value of the wrong form, or a name that does not exist; says where it stands.
    """
    environ = os.environ if environ is None else environ
    kinds = get_type_hints(Settings)
    names = [f.name for f in dataclasses.fields(Settings)]
    home = Path(explicit.get("home") or environ.get("AIGC_HOME") or _default_home()).expanduser().absolute()
    values: dict[str, Any] = {}
    path = Path(environ.get("AIGC_CONFIG") or home / "aigc.toml")
    for name, value in _read_toml(path, required="AIGC_CONFIG" in environ).items():
        if name not in names:
            raise UserError(f"{path}: no setting is called {name!r}", hint="`aigc doctor --settings` lists them all")
        values[name] = _convert(name, kinds[name], value, f"{path}: {name}")
    for name in names:
        if name in _FILE_ONLY and f"AIGC_{name.upper()}" in environ:
            raise UserError(f"AIGC_{name.upper()} can't be set in the environment", hint=f"write {name} into {path}")
        for variable in (f"AIGC_{name.upper()}", *_ALSO.get(name, ())):
            if environ.get(variable):
                values[name] = _convert(name, kinds[name], environ[variable], variable)
                break
    values |= {k: v for k, v in explicit.items() if v is not None}
    values["home"] = home
    values["remotes"] = tuple(_with_key(remote, environ) for remote in values.get("remotes", ()))
    return Settings(**values)


def language(environ: Mapping[str, str] | None = None) -> str:
    """``zh`` or ``en``: what the command line speaks.

    Asked before anything else works, so it never fails: a settings file that can't be read leaves the locale to decide,
    and the command that needs the file says what is wrong with it.

    Source: POSIX 8.2 (LC_ALL before LC_MESSAGES before LANG; an empty one counts as unset).
    """
    environ = os.environ if environ is None else environ
    try:
        chosen = environ.get("AIGC_LANG") or load(environ).lang
    except UserError:
        chosen = None
    if not chosen:
        chosen = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "en")
    return "zh" if chosen.lower().startswith("zh") else "en"


def colour_wanted(environ: Mapping[str, str] | None = None) -> bool:
    """Whether a terminal may be written to in colour. Source: no-color.org; a dumb terminal shows none."""
    environ = os.environ if environ is None else environ
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _read_toml(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content: dict[str, Any] = tomllib.load(file)
            return content
    except FileNotFoundError:
        if required:
            raise UserError(f"AIGC_CONFIG names {path}, which does not exist") from None
        return {}
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not valid TOML: {error}") from error


def table(settings: Settings) -> list[tuple[str, str, str]]:
    """(environment variable, value in force, meaning) of every setting; secrets are hidden."""
    rows = []
    for f in dataclasses.fields(Settings):
        value = getattr(settings, f.name)
        shown = "(set)" if f.metadata["secret"] and value else "" if value is None else str(value)
        name = f"{f.name} in aigc.toml" if f.name in _FILE_ONLY else f"AIGC_{f.name.upper()}"
        rows.append(
            (name, ", ".join(part.name for part in value) if f.name == "remotes" else shown, f.metadata["help"])
        )
    return rows


_SECRETS = ("AIGC_", "HF_TOKEN", "OPENAI_API_KEY", "PIP_")


def child_environment() -> dict[str, str]:
    """The environment for a worker: ours without keys; nothing is imported from the current folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}
