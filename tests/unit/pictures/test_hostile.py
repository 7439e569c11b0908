"""Real files of every format, damaged: decoding them gives a picture or a UserError, and nothing else."""

import contextlib
import functools
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aigc.errors import UserError
from aigc.pictures import rasters
from aigc.pictures.decode import decode
from aigc.pictures.encode import encode
from aigc.pictures.metadata import read_facts

pytestmark = pytest.mark.filterwarnings("ignore:::PIL")


@functools.cache
def samples():
    y, x = np.mgrid[0:24, 0:40]
    image = Image.fromarray(np.stack([x * 6, y * 10, (x * y) % 256], axis=2).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    found = []

    def keep(image, format, **options):
        file = io.BytesIO()
        image.save(file, format, **options)
        found.append(file.getvalue())

    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        keep(image.convert(mode), "PNG", exif=exif)
    keep(Image.fromarray((x * y).astype(np.uint16)), "PNG")
    keep(image, "PNG", save_all=True, append_images=[image.transpose(Image.Transpose.ROTATE_180)])
    for mode in ("L", "RGB", "CMYK"):
        keep(image.convert(mode), "JPEG", exif=exif)
    keep(image, "JPEG", progressive=True)
    keep(image, "MPO", save_all=True, append_images=[image])
    keep(image, "WEBP", exif=exif)
    keep(image.convert("RGBA"), "WEBP", lossless=True)
    keep(image, "WEBP", save_all=True, append_images=[image.convert("L")])
    keep(image, "GIF", save_all=True, append_images=[image.convert("L")], comment=b"c" * 600)
    for mode in ("1", "P", "RGB"):
        keep(image.convert(mode), "BMP")
    for compression in ("raw", "tiff_lzw", "tiff_deflate", "jpeg", "packbits"):
        keep(image, "TIFF", compression=compression)
    small = rasters.from_image(image)
    found.extend(encode(small, format, facts={"prompt": "山" * 30}) for format in ("png", "jpeg", "webp"))
    return found


def look(data):
    with contextlib.suppress(UserError):
        picture = decode(data, "image", max_pixels=2**20).raster
        assert picture.width * picture.height <= 2**20
    with contextlib.suppress(UserError):
        assert read_facts(data)["format"]


QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(st.data())
def test_flipped_bytes(data):
    raw = bytearray(data.draw(st.sampled_from(samples())))
    for _ in range(data.draw(st.integers(1, 8))):
        # Headers are where lengths and kinds stand: half of the bytes are flipped there.
        most = data.draw(st.sampled_from([min(len(raw), 200), len(raw)])) - 1
        raw[data.draw(st.integers(0, most))] = data.draw(st.integers(0, 255))
    look(bytes(raw))


@QUICK
@given(st.data())
def test_lengths_that_lie(data):
    raw = bytearray(data.draw(st.sampled_from(samples())))
    place = data.draw(st.integers(0, min(len(raw), 400) - 4))
    raw[place : place + 4] = data.draw(
        st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0" * 4])
    )
    look(bytes(raw))


@QUICK
@given(st.data())
def test_truncations_and_joints(data):
    first = data.draw(st.sampled_from(samples()))
    second = data.draw(st.sampled_from(samples()))
    look(first[: data.draw(st.integers(0, len(first)))] + second[data.draw(st.integers(0, len(second))) :])


@QUICK
@given(st.binary(max_size=300), st.sampled_from([sample[:16] for sample in samples()]))
def test_anything_behind_the_first_bytes(rest, head):
    look(head + rest)
