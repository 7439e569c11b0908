import io

import numpy as np
import pytest
from PIL import Image

from aigc.errors import InvalidPicture, UserError
from aigc.pictures import masks, rasters
from aigc.pictures.encode import encode


def raster(image):
    return rasters.from_image(image)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_pillow_reads_what_is_written(format, photograph):
    data = encode(raster(photograph), format, quality=95, facts={"prompt": "x", "seed": 1})
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == format.upper()
        difference = np.abs(np.asarray(image).astype(int) - np.asarray(photograph).astype(int))
    assert difference.max() <= {"png": 0, "jpeg": 10, "webp": 24}[format]


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_lower_quality_makes_smaller_files(format, photograph):
    large = raster(photograph.resize((256, 256)))
    sizes = [len(encode(large, format, quality=quality)) for quality in (100, 80, 10, 0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


def test_opacity_is_kept_where_the_format_has_it(photograph):
    photograph.putalpha(Image.new("L", photograph.size, 100))
    for format in ("png", "webp"):
        with Image.open(io.BytesIO(encode(raster(photograph), format, facts={}))) as image:
            assert image.mode == "RGBA"
            assert set(np.asarray(image)[:, :, 3].ravel()) == {100}


def test_opacity_is_refused_by_name_where_the_format_has_none(photograph):
    opaque = photograph.convert("RGBA")
    assert encode(raster(opaque), "jpeg").startswith(b"\xff\xd8")
    opaque.putpixel((3, 3), (0, 0, 0, 254))
    with pytest.raises(UserError, match="transparent in parts") as caught:
        encode(raster(opaque), "jpeg", param="output_format")
    assert caught.value.param == "output_format"
    assert caught.value.hint == "take png or webp"


def test_a_side_that_the_format_cannot_hold_is_refused():
    with pytest.raises(UserError, match="at most 16383 pixels, and the picture has 16384"):
        encode(raster(Image.new("L", (16_384, 1))), "webp")


def test_the_transparent_part_of_a_mask_is_painted():
    mask = Image.new("RGBA", (3, 1), (0, 0, 0, 255))
    mask.putpixel((1, 0), (0, 0, 0, 0))
    picture = raster(Image.new("RGB", (3, 1)))
    assert masks.mask_of(raster(mask), picture).pixels == b"\0\xff\0"
    assert masks.own_mask(raster(mask)).pixels == b"\0\xff\0"
    assert masks.own_mask(picture) is None


def test_a_mask_of_another_size_says_both_sizes():
    with pytest.raises(InvalidPicture, match="mask has 4x2 and image 3x1 pixels; accepted: the same size") as caught:
        masks.mask_of(raster(Image.new("RGBA", (4, 2))), raster(Image.new("RGB", (3, 1))))
    assert caught.value.param == "mask"


@pytest.mark.parametrize(
    ("mode", "words"), [("RGB", "no transparency"), ("L", "no transparency"), ("RGBA", "is opaque")]
)
def test_a_mask_that_masks_nothing_says_how_to_make_one(mode, words):
    opaque = Image.new("RGBA", (3, 1), (0, 0, 0, 255)).convert(mode)
    with pytest.raises(InvalidPicture, match=words) as caught:
        masks.mask_of(raster(opaque), raster(Image.new("RGB", (3, 1))))
    assert "transparent" in caught.value.hint


def test_pictures_change_their_channels():
    half = raster(Image.new("RGBA", (1, 1), (200, 100, 0, 128)))
    assert rasters.to_rgb(half).pixels == bytes([200, 100, 0])
    assert rasters.over(half).pixels == bytes([227, 177, 127])  # 255 - (255 - c) * 128 / 255
    assert rasters.to_rgb(raster(Image.new("L", (1, 1), 7))).pixels == bytes([7, 7, 7])
    with pytest.raises(ValueError, match="has 2"):
        rasters.from_array(np.zeros((1, 1, 2), np.uint8))
    with pytest.raises(ValueError, match="has CMYK"):
        rasters.from_image(Image.new("CMYK", (1, 1)))
