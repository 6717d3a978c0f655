"""A second look where the cascade is not certain: dark, turned, filled photos, tilted faces.

A photo with a good upright face that does not fill the frame is not looked at again, and its faces
stay as they are but for those that are tilted far.
"""

from __future__ import annotations

from PIL import Image

from grouping.faces.search.detection import CascadeSettings
from grouping.faces.search.extreme import fills_frame, is_dark, look_with_room, stretched
from grouping.faces.search.tilted import straighten
from grouping.faces.search.turned import Found, Search, look_around
from grouping.records import Detections


def look_again(
    search: Search,
    image: Image.Image,
    settings: CascadeSettings,
    seen: Detections,
    min_score: float,
) -> Found:
    """Find the faces of a photo that the first look may have missed.

    Args:
        search: the cascade.
        image: the image searched.
        settings: how it was searched.
        seen: all that the cascade saw in it, low scores too, in its pixels.
        min_score: below it, a detection does not count.

    Returns:
        The faces, low scores too.
    """
    if not (seen.scores >= min_score).any() and is_dark(image):
        image = stretched(image)
        seen = search([image], [settings])[0]
    found = look_around(search, image, settings, seen)
    kept = found.faces[found.faces.scores >= min_score]
    if not found.rotation and (not len(kept) or fills_frame(kept, image.size)):
        found = Found(look_with_room(search, image, settings, kept))
    return straighten(search, image, found, min_score)
