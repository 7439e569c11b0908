"""XMP packets: what is true of a picture, in a form that picture programs read.

A packet says that a machine made the picture (IPTC's digital source type), with which program, from which words, and
holds all facts as JSON under a name of our own.

Knows: XMP's XML. Does not know: picture files.
Source: XMP Specification Part 1 (ISO 16684-1), Part 3 sections 1.1.3 and 1.1.5; IPTC Photo Metadata Standard 2023.1.
"""

from __future__ import annotations

import hashlib
import json
import re
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aigc.types import JSON

_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_EDITED = "compositeWithTrainedAlgorithmicMedia"
"""IPTC: existing media that generative AI modified, as inpainting does; so is a picture that was made from another."""
_SOURCE_OF_TASK = {
    "edit": _EDITED,
    "variation": _EDITED,
    # IPTC: modified by an algorithm that generates nothing.
    "restoration": "algorithmicallyEnhanced",
}
_MADE = "trainedAlgorithmicMedia"
_DRAWN = "algorithmicMedia"
_MADE_BY_MACHINE = frozenset({_MADE, _EDITED, _DRAWN})
_SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "aigc": "urn:aigc:facts:1:",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_BYTES = 8 * 2**20


def packet(facts: JSON, program: str) -> bytes:
    """The packet with everything.

    Args:
        facts: names and values, anything that JSON can hold; ``task`` and ``prompt`` are understood.
        program: name and version.
    """
    written = _NOT_XML.sub(lambda found: "".join(f"\\u{unit:04x}" for unit in _units(found[0])), _json(facts))
    parts = [_said(facts, program), f"<aigc:facts>{_escaped(written)}</aigc:facts>"]
    if isinstance(prompt := facts.get("prompt"), str) and prompt:
        words = _escaped(_NOT_XML.sub("\ufffd", prompt))
        parts.append(
            f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{words}</rdf:li></rdf:Alt></dc:description>'
        )
    return _wrapped("".join(parts))


def announcement(facts: JSON, program: str, extended: bytes) -> bytes:
    """The short packet that stands before an extended one, which is too long for one segment of a JPEG."""
    note = f"<xmpNote:HasExtendedXMP>{fingerprint(extended)}</xmpNote:HasExtendedXMP>"
    return _wrapped(_said(facts, program) + note)


def fingerprint(extended: bytes) -> str:
    """By which the parts of an extended packet know each other."""
    return hashlib.md5(extended, usedforsecurity=False).hexdigest().upper()


def by_machine(source: str) -> bool:
    """Whether a digital source type says that a machine made the picture, or a part of it."""
    return source.removeprefix(_SOURCES) in _MADE_BY_MACHINE


def _said(facts: JSON, program: str) -> str:
    # A scene was drawn by a program that learned from nothing.
    made = _DRAWN if "scene" in facts else _MADE
    source = _SOURCES + _SOURCE_OF_TASK.get(str(facts.get("task")), made)
    return (
        f"<Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>"
        f"<xmp:CreatorTool>{_escaped(program)}</xmp:CreatorTool>"
    )


def _wrapped(properties: str) -> bytes:
    spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in _SPACES.items() if name != "rdf")
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_SPACES["rdf"]}"><rdf:Description rdf:about="" {spaces}>'
        f'{properties}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _json(facts: JSON) -> str:
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


def _units(character: str) -> list[int]:
    """UTF-16 code units, as JSON escapes them."""
    raw = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]


def _escaped(text: str) -> str:
    return escape(text, {"\r": "&#13;"})  # a bare one would come back as a line feed


def read(packets: list[bytes]) -> JSON:
    """What packets say, the earlier ones first: ``facts`` (ours), ``source``, ``program``, ``description``.

    Packets that aren't well-formed, are longer than 8 MiB or declare entities are passed over.
    """
    found: JSON = {}
    for raw in packets:
        if len(raw) > _MAX_BYTES or b"<!" in raw.replace(b"<![CDATA[", b""):
            continue
        try:
            tree = ElementTree.fromstring(raw)  # noqa: S314 -- entities are refused above
        except (ElementTree.ParseError, ValueError, LookupError):
            continue
        for name, value in _values(tree):
            found.setdefault(name, value)
    return found


_NAMES = {
    f"{{{_SPACES['aigc']}}}facts": "facts",
    f"{{{_SPACES['Iptc4xmpExt']}}}DigitalSourceType": "source",
    f"{{{_SPACES['xmp']}}}CreatorTool": "program",
    f"{{{_SPACES['dc']}}}description": "description",
}


def _values(tree: ElementTree.Element) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for element in tree.iter():
        pairs = [(element.tag, "".join(element.itertext()))] if element.tag in _NAMES else []
        pairs += [(name, value) for name, value in element.attrib.items() if name in _NAMES]
        for tag, text in pairs:
            name = _NAMES[tag]
            if name != "facts":
                found.append((name, text.strip()))
            elif (facts := _facts(text)) is not None:
                found.append((name, facts))
    return found


def _facts(text: str) -> JSON | None:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None
