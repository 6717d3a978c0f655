"""A second look at photos in which the cascade is certain of nothing.

Of photos with a good upright face nothing is looked at again, and their faces stay as they are.
"""

from __future__ import annotations

from PIL import Image

from grouping.faces.detection import CascadeSettings
from grouping.faces.turned import Found, Search, look_around
from grouping.records import Detections


def look_again(
    search: Search,
    image: Image.Image,
    settings: CascadeSettings,
    seen: Detections,
) -> Found:
    """Find the faces of a photo that the first look may have missed.

    Args:
        search: the cascade.
        image: the image searched.
        settings: how it was searched.
        seen: all that the cascade saw in it, low scores too, in its pixels.

    Returns:
        The faces, low scores too.
    """
    return look_around(search, image, settings, seen)
