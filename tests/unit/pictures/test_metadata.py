"""Truth: Pillow reads the places, ElementTree the XML; the names are those of the specifications."""

import io
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aigc.errors import InvalidPicture
from aigc.pictures import rasters
from aigc.pictures.encode import encode
from aigc.pictures.metadata import read_facts

FORMATS = ["png", "jpeg", "webp"]
SMALL = rasters.from_image(Image.new("RGB", (20, 10), "teal"))
FACTS = {
    "prompt": "雪山下的湖，日落 <&> \"quoted\" 'too' 🏔️\r\n\ttail",
    "model": "aigc-v1",
    "seed": 2**63 - 1,
    "steps": 12,
    "guidance": 3.5,
    "size": "20x10",
    "task": "generation",
}


def opened(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_facts_come_back_from_every_format(format, channels):
    picture = rasters.from_image(Image.new("L", (20, 10), 99).convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]))
    found = read_facts(encode(picture, format, facts=FACTS))
    assert {name: found[name] for name in FACTS} == FACTS
    assert found["made_by_aigc"] is True
    assert found["format"] == format
    assert found["program"].startswith("aigc ")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("character", ["a", "山", "😀", "\x01", "\ud800", "\ufffe", "&", "\\"])
def test_a_prompt_of_32000_characters_comes_back(format, character):
    prompt = character * 32_000
    data = encode(SMALL, format, facts={"prompt": prompt})
    assert read_facts(data)["prompt"] == prompt
    assert opened(data).size == (20, 10)


@given(st.text(), st.sampled_from(FORMATS))
def test_any_prompt_comes_back(prompt, format):
    assert read_facts(encode(SMALL, format, facts={"prompt": prompt}))["prompt"] == prompt


def test_other_programs_find_the_plain_texts_of_a_png():
    texts = opened(encode(SMALL, "png", facts=FACTS)).text
    assert texts["Description"] == FACTS["prompt"]
    assert texts["Software"].startswith("aigc ")


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_other_programs_find_the_exif(format):
    exif = opened(encode(SMALL, format, facts=FACTS)).getexif()
    assert exif[0x0131].startswith("aigc ")
    assert exif[0x010E] == "Made by a machine (aigc-v1); the XMP data say how"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("task", "source"),
    [
        ("generation", "trainedAlgorithmicMedia"),
        ("panorama", "trainedAlgorithmicMedia"),
        ("edit", "compositeWithTrainedAlgorithmicMedia"),
        ("variation", "compositeWithTrainedAlgorithmicMedia"),
        ("restoration", "algorithmicallyEnhanced"),
    ],
)
def test_the_xmp_names_the_digital_source_type(format, task, source):
    image = opened(encode(SMALL, format, facts={**FACTS, "task": task}))
    xmp = image.info["XML:com.adobe.xmp"] if format == "png" else image.info["xmp"]
    tree = ElementTree.fromstring(xmp)
    found = tree.find(".//{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType")
    assert found.text == f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"
    words = tree.find(".//{http://purl.org/dc/elements/1.1/}description//{*}li")
    assert words.text == FACTS["prompt"]


def test_what_a_program_drew_was_not_trained():
    """IPTC: ``algorithmicMedia`` is made by an algorithm without sampled training data."""
    image = opened(encode(SMALL, "png", facts={**FACTS, "task": "generation", "scene": "{}"}))
    assert "digitalsourcetype/algorithmicMedia<" in image.info["XML:com.adobe.xmp"]


def test_the_short_packet_of_a_long_one_says_that_a_machine_made_it():
    """A reader that knows no extended XMP sees this one only."""
    data = encode(SMALL, "jpeg", facts={"prompt": "山" * 32_000})
    assert b"trainedAlgorithmicMedia" in opened(data).info["xmp"]
    assert b"HasExtendedXMP" in opened(data).info["xmp"]


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_of_others_says_so(format):
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, format.upper())
    assert read_facts(file.getvalue()) == {"format": format, "made_by_aigc": False}


def test_what_another_program_says_is_told():
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<r:Description xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:p="http://ns.adobe.com/xap/1.0/"'
        ' i:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"'
        ' p:CreatorTool="Another 7"/></r:RDF></x:xmpmeta>'
    )
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "JPEG", xmp=xmp.encode())
    expected = {"format": "jpeg", "made_by_aigc": False, "made_by_machine": True, "program": "Another 7"}
    assert read_facts(file.getvalue()) == expected
    exif = Image.Exif()
    exif[0x0131] = "Camera 1"
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "TIFF", exif=exif)
    assert read_facts(file.getvalue()) == {"format": "tiff", "made_by_aigc": False, "program": "Camera 1"}


def test_entities_are_not_expanded():
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "JPEG", xmp=bomb)
    assert read_facts(file.getvalue()) == {"format": "jpeg", "made_by_aigc": False}


def test_what_is_no_picture_has_no_facts():
    with pytest.raises(InvalidPicture, match="no picture of a known kind"):
        read_facts(b"words")
