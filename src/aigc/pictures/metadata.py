"""What made a picture, kept inside of its file and read from it again.

PNG: XMP and two plain texts (iTXt); JPEG: XMP, extended where it is long, and EXIF; WebP: XMP and EXIF. The facts
themselves stand in the XMP only, whole in every format.

Knows: where each format keeps such data. Does not know: which facts there are; it uses ``prompt``, ``model``, ``task``.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from aigc.errors import InvalidPicture
from aigc.pictures import containers, tags, xmp
from aigc.pictures.containers import Malformed
from aigc.pictures.decode import ACCEPTED, sniff
from aigc.types import JSON

_MAX_SEGMENT = 65_533
_MAX_PORTION = 65_400
"""Bytes of an extended packet in one segment, as its specification advises."""
_XMP_IN_PNG = b"XML:com.adobe.xmp"
_PLAIN = b"\0\0\0\0\0"
"""Of an iTXt chunk, behind its keyword: not compressed, no language, no translated keyword."""


def program() -> str:
    """Name and version of this program, as files tell them."""
    try:
        return f"aigc {version('aigc-studio')}"
    except PackageNotFoundError:  # run from a source tree that isn't installed
        return "aigc 0"


def embed(data: bytes, format: Literal["png", "jpeg", "webp"], size: tuple[int, int], facts: JSON) -> bytes:
    """The same file with facts inside.

    Args:
        data: a file as `aigc.pictures.encode` makes it, without metadata.
        format: of the file.
        size: width and height.
        facts: what made it; JSON. ``task`` says which kind of making it was: a photograph that went through
            ``restoration`` is no picture of a machine.
    """
    packet = xmp.packet(facts, program())
    if format == "png":
        texts = [(_XMP_IN_PNG, packet), (b"Software", program().encode())]
        if isinstance(prompt := facts.get("prompt"), str) and prompt:
            texts.append((b"Description", prompt.replace("\0", "\ufffd").encode("utf-8", "replace")))
        return containers.with_png_chunks(data, [(b"iTXt", name + _PLAIN + text) for name, text in texts])
    exif = tags.write(_sentence(facts), program())
    if format == "webp":
        return containers.with_webp_chunks(data, [(b"EXIF", exif), (b"XMP ", packet)], size)
    segments = [containers.EXIF_SEGMENT + exif, containers.XMP_SEGMENT + packet]
    if len(segments[1]) > _MAX_SEGMENT:
        short = xmp.announcement(facts, program(), packet)
        segments[1:] = [containers.XMP_SEGMENT + short, *_portions(packet)]
    return containers.with_jpeg_segments(data, segments)


def _sentence(facts: JSON) -> str:
    """For viewers that show EXIF only. ASCII, as that field demands."""
    done = "Repaired" if facts.get("task") == "restoration" else "Made"
    model = str(facts.get("model", "")).encode("ascii", "replace").decode()[:100]
    return f"{done} by a machine{f' ({model})' if model else ''}; the XMP data say how"


def _portions(packet: bytes) -> list[bytes]:
    head = containers.EXTENDED_XMP_SEGMENT + xmp.fingerprint(packet).encode() + len(packet).to_bytes(4, "big")
    places = range(0, len(packet), _MAX_PORTION)
    return [head + place.to_bytes(4, "big") + packet[place : place + _MAX_PORTION] for place in places]


def read_facts(data: bytes) -> JSON:
    """What a picture file says about its making.

    Returns:
        ``format``; ``made_by_aigc``: whether the facts are ours; then the facts as they were given to `embed`. Of other
        files: ``made_by_machine`` where the file says so, ``program`` and ``description`` where it names them.
    Raises:
        InvalidPicture: no picture of a known kind.
    """
    if (format := sniff(data)) is None:
        raise InvalidPicture(f"this is no picture of a known kind; accepted: {ACCEPTED}")
    packets, texts = _told(format, data)
    said = xmp.read(packets)
    found: JSON = {"format": format, "made_by_aigc": "facts" in said}
    if "facts" in said:
        return {**said["facts"], **found, "program": said.get("program")}
    if "source" in said:
        found["made_by_machine"] = xmp.by_machine(said["source"])
    return found | {name: value for name in ("program", "description") if (value := said.get(name) or texts.get(name))}


def _told(format: str, data: bytes) -> tuple[list[bytes], dict[str, str]]:
    """XMP packets, and what other places say. What is damaged says nothing."""
    packets: list[bytes] = []
    portions: dict[bytes, dict[int, bytes]] = {}
    texts: dict[str, str] = {}
    try:
        for piece in containers.pieces(format, data) if format in ("png", "jpeg", "webp") else ():
            content = data[piece.start : piece.end]
            if piece.kind in (b"iTXt", b"tEXt"):
                _read_text(piece.kind, content, packets, texts)
            elif piece.kind == b"XMP " or content.startswith(containers.XMP_SEGMENT):
                packets.append(content.removeprefix(containers.XMP_SEGMENT))
            elif content.startswith(containers.EXTENDED_XMP_SEGMENT):
                head = len(containers.EXTENDED_XMP_SEGMENT)
                place = int.from_bytes(content[head + 36 : head + 40], "big")
                portions.setdefault(content[head : head + 36], {})[place] = content[head + 40 :]
            elif piece.kind in (b"EXIF", b"eXIf") or content.startswith(containers.EXIF_SEGMENT):
                _read_tags(content.removeprefix(containers.EXIF_SEGMENT), texts)
    except Malformed:
        pass
    if format == "tiff":
        _read_tags(data, texts)
    return [*packets, *(_joined(key, parts) for key, parts in portions.items())], texts


def _joined(key: bytes, parts: dict[int, bytes]) -> bytes:
    whole = b"".join(parts[place] for place in sorted(parts))
    return whole if xmp.fingerprint(whole).encode() == key[:32] else b""


def _read_text(kind: bytes, content: bytes, packets: list[bytes], texts: dict[str, str]) -> None:
    name, _, rest = content.partition(b"\0")
    if kind == b"iTXt" and rest[:1] != b"\0":
        return  # compressed: neither we nor XMP write such
    text = rest[2:].split(b"\0", 2)[-1] if kind == b"iTXt" else rest
    if name == _XMP_IN_PNG:
        packets.append(text)
    elif name in (b"Software", b"Description", b"parameters"):
        known = {b"Software": "program"}.get(name, "description")
        texts.setdefault(known, text.decode("utf-8" if kind == b"iTXt" else "latin-1", "replace"))


def _read_tags(content: bytes, texts: dict[str, str]) -> None:
    try:
        for tag, text in tags.texts(content).items():
            texts.setdefault("program" if tag == tags.SOFTWARE else "description", text)
    except Malformed:
        pass
