"""Truth: the files are Pillow's, whose pixels are known before they are written."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from aigc.errors import InvalidPicture, TooLarge, UserError
from aigc.pictures.decode import decode
from aigc.pictures.rasters import to_array


def pixels(data, **limits):
    return to_array(decode(data, "image", **limits).raster)


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "JPEG"])
def test_every_format_gives_the_pixels_that_were_written(format, photograph, saved):
    image = photograph.quantize(64).convert("RGB") if format == "GIF" else photograph
    data = saved(
        image, format, **({"lossless": True} if format == "WEBP" else {"quality": 98} if format == "JPEG" else {})
    )
    found = decode(data, "image")
    assert found.format == format.lower()
    assert found.notes == ()
    difference = np.abs(to_array(found.raster).astype(int) - np.asarray(image).astype(int))
    assert difference.max() <= (8 if format == "JPEG" else 0)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_picture_is_turned_as_the_camera_says(format, turn, photograph, saved):
    exif = Image.Exif()
    exif[0x0112] = turn
    lossless = {"lossless": True} if format == "WEBP" else {"quality": 98} if format == "JPEG" else {}
    data = saved(photograph, format, exif=exif, **lossless)
    assert pixels(data).shape == ((32, 48, 3) if turn < 5 else (48, 32, 3))
    # The corner that the camera calls the first row and column is red 0, green 0, blue 255.
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}[turn]
    assert np.abs(pixels(data)[corner].astype(int) - (0, 0, 255)).max() <= 8


def test_cmyk_of_adobe_is_inverted_back(saved):
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))  # full cyan
    assert np.abs(pixels(saved(image, "JPEG", quality=98))[8, 8].astype(int) - (0, 255, 255)).max() <= 4


def test_sixteen_bits_become_eight(saved):
    wide = np.array([[0, 257, 32896, 65535]], np.uint16)
    assert pixels(saved(Image.fromarray(wide), "PNG"))[:, :, 0].tolist() == [[0, 1, 128, 255]]
    assert pixels(saved(Image.fromarray(wide), "TIFF"))[:, :, 0].tolist() == [[0, 1, 128, 255]]


def test_samples_of_32_bits_are_refused(saved):
    with pytest.raises(InvalidPicture, match="32 bits"):
        decode(saved(Image.new("F", (4, 4)), "TIFF"), "image")


def test_grey_palette_and_opacity_keep_what_they_are(photograph, saved):
    assert pixels(saved(photograph.convert("L"), "PNG")).shape == (32, 48, 1)
    assert pixels(saved(photograph.convert("1"), "PNG")).shape == (32, 48, 1)
    assert pixels(saved(photograph.quantize(8), "PNG")).shape == (32, 48, 3)
    assert pixels(saved(photograph.convert("LA"), "PNG")).shape == (32, 48, 4)
    assert pixels(saved(photograph.convert("RGBA"), "WEBP")).shape == (32, 48, 3)  # opaque: the file keeps no alpha
    assert pixels(saved(photograph.quantize(8), "PNG", transparency=0)).shape == (32, 48, 4)


def test_a_colour_that_stands_for_transparent_is_transparent(saved):
    image = Image.new("RGB", (2, 1), (9, 8, 7))
    image.putpixel((1, 0), (1, 2, 3))
    assert pixels(saved(image, "PNG", transparency=(1, 2, 3))).tolist() == [[[9, 8, 7, 255], [1, 2, 3, 0]]]


def test_of_an_animation_the_first_frame_is_used_and_said(photograph, saved):
    red, green = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "lime")
    for format in ("GIF", "PNG", "WEBP", "TIFF"):
        found = decode(saved(red, format, save_all=True, append_images=[green]), "image")
        assert found.notes == ("it has several frames; the first one is used",)
        assert np.abs(to_array(found.raster)[4, 4, :3].astype(int) - (255, 0, 0)).max() <= 3


def test_a_colour_profile_is_converted_to_srgb(saved):
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # A profile whose red is sRGB's green and the other way round, under a name of its own.
    swapped = plain.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    image = Image.new("RGB", (2, 2), (255, 0, 0))
    assert np.abs(pixels(saved(image, "PNG", icc_profile=swapped))[0, 0].astype(int) - (0, 255, 0)).max() <= 1
    image.putalpha(77)
    assert pixels(saved(image, "PNG", icc_profile=swapped))[0, 0, 3] == 77
    assert pixels(saved(image, "PNG", icc_profile=plain))[0, 0].tolist() == [255, 0, 0, 77]


def test_a_broken_colour_profile_is_said(photograph, saved):
    found = decode(saved(photograph, "PNG", icc_profile=b"no profile"), "image")
    assert found.notes == ("its colour profile can't be used; the colours are taken as sRGB",)
    assert (to_array(found.raster) == np.asarray(photograph)).all()


def test_what_is_no_picture_says_what_is_accepted():
    with pytest.raises(InvalidPicture, match="PNG, JPEG, WebP, GIF, BMP and TIFF") as caught:
        decode(b"%PDF-1.7", "mask")
    assert caught.value.param == "mask"
    with pytest.raises(InvalidPicture, match="image is empty"):
        decode(b"", "image")


def test_limits_hold_both_numbers(photograph, saved):
    data = saved(photograph, "PNG")
    with pytest.raises(TooLarge, match=f"{len(data)} bytes; accepted: 100"):
        decode(data, "image", max_bytes=100)
    with pytest.raises(TooLarge, match="48x32 = 1536 pixels; accepted: 1000"):
        decode(data, "image", max_pixels=1000)


@pytest.mark.parametrize("side", [30_000, 2**31 - 1])
def test_a_bomb_is_refused_by_its_header(side, saved):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    with pytest.raises(TooLarge, match=f"{side}x{side}"):
        decode(bomb + png_chunk(b"IEND", b""), "image")
    wide = saved(Image.new("1", (65_000, 1000)), "TIFF", compression="group4")
    with pytest.raises(TooLarge, match="65000x1000"):
        decode(wide, "image")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_webp_bomb_is_refused_by_its_header(saved):
    image = bytearray(saved(Image.new("RGBA", (8, 8), (1, 2, 3, 4)), "WEBP"))
    at = bytes(image).index(b"VP8X") + 12
    image[at : at + 6] = b"\xff\x3f\0\xff\x3f\0"
    with pytest.raises(TooLarge, match="16384x16384"):
        decode(bytes(image), "image")


def test_a_jpeg_of_very_many_scans_is_refused(photograph, saved):
    data = saved(photograph, "JPEG", progressive=True)
    scan = data[data.index(b"\xff\xda") : data.index(b"\xff\xc4", data.index(b"\xff\xda"))]
    many = data[: data.index(b"\xff\xda")] + scan * 1000 + b"\xff\xd9"
    with pytest.raises(InvalidPicture, match="more than 64 scans"):
        decode(many, "image")


def test_a_tiff_whose_tags_would_fill_the_memory_is_refused(photograph, saved):
    data = bytearray(saved(photograph, "TIFF"))
    (place,) = struct.unpack_from("<I", data, 4)
    (number,) = struct.unpack_from("<H", data, place)
    struct.pack_into("<HHII", data, place + 2 + 12 * (number - 1), 50_000, 7, len(data) - 8, 8)
    struct.pack_into("<HHII", data, place + 2 + 12 * (number - 2), 50_001, 7, len(data) - 8, 8)
    with pytest.raises(InvalidPicture, match="more than such a file can have"):
        decode(bytes(data), "image")


def test_camera_data_that_point_everywhere_are_not_read(photograph, saved):
    """65,535 entries that point to the same bytes would take 4 GB, were they read."""
    entries = struct.pack("<HHII", 50_000, 7, 60_000, 8) * 5000
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 5000) + entries
    data = saved(photograph, "JPEG")
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    assert pixels(data).shape == (32, 48, 3)


def test_a_gif_whose_comment_comes_in_single_bytes_is_refused():
    head = b"GIF89a\x01\0\x01\0\0\0\0"
    with pytest.raises(InvalidPicture, match="more than 4096 blocks"):
        decode(head + b"\x21\xfe" + b"\x01x" * 5000 + b"\0" + b"\x3b", "image")


def test_a_gif_of_very_many_comments_is_refused():
    with pytest.raises(InvalidPicture, match="more than 10000 parts"):
        decode(b"GIF89a\x01\0\x01\0\0\0\0" + b"\x21\xfe\0" * 20_000, "image")


def test_a_jpeg_of_fill_bytes_is_refused():
    with pytest.raises(InvalidPicture, match="more than 100000 pieces"):
        decode(b"\xff\xd8\xff" + b"\xff" * 200_000, "image")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_truncated_file_names_the_parameter(format, photograph, saved):
    data = saved(photograph, format)
    with pytest.raises(UserError) as caught:
        decode(data[: len(data) // 2], "image")
    assert caught.value.param == "image"
    assert f"image can't be read as {'WebP' if format == 'WEBP' else format}" in caught.value.message


def test_a_picture_of_a_stereo_camera_is_its_first_one(saved):
    left, right = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "lime")
    found = pixels(saved(left, "MPO", save_all=True, append_images=[right]))
    assert np.abs(found[8, 8].astype(int) - (254, 0, 0)).max() <= 3


def test_reading_leaves_the_file_of_the_caller_alone(photograph, saved):
    data = bytearray(saved(photograph, "TIFF"))
    before = bytes(data)
    decode(bytes(data), "image")
    assert bytes(data) == before
    assert io.BytesIO(data).read() == before
