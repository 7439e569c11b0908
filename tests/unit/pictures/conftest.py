import io

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photograph():
    """48x32, smooth colours, so that lossy formats keep them nearly."""
    y, x = np.mgrid[0:32, 0:48]
    return Image.fromarray(np.stack([x * 5, y * 7, 255 - x * 5], axis=2).astype(np.uint8))


@pytest.fixture
def saved():
    """Bytes of an image as Pillow writes it."""

    def save(image, format, **options):
        file = io.BytesIO()
        image.save(file, format, **options)
        return file.getvalue()

    return save
