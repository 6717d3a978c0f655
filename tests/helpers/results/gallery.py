"""The album that the tests of the gallery page show: every section has something in it."""

from collections.abc import Callable
from typing import Any

from tests.helpers.results.album import album

HOSTILE = '</script><img src=x onerror="window.hacked=1"> \'\u2028김😀'

PHOTOS = [[0, 1], [0, 1], [0, -1], [0], [1, 2], [2], [], [2, 0], [3], [3]]


def gallery_album() -> tuple[dict[str, Any], Callable[[int], bytes]]:
    """Four people, a stranger, a photo without a face, one that failed, one to merge."""
    result, open_photo = album(PHOTOS, names={1: "Grandma"})
    result["images"].append(
        {
            "id": HOSTILE,
            "url": f"/x/{HOSTILE}.jpg",
            "width": 0,
            "height": 0,
            "sha256": None,
            "group_idx": [-3],
            "faces": [],
            "warnings": [],
            "error": f"broken {HOSTILE}",
        }
    )
    suggestion = {"groups": [0, 3], "similarity": 0.37, "faces": [4, 9], "face_similarity": 0.71}
    result["merge_suggestions"] = [{**suggestion, "shared_photos": 2}]
    result["changes"] = {"new": ["person-0003"], "grown": [["person-0001", 2]], "vanished": []}
    result["images"][3]["warnings"] = ["the file is truncated"]
    for group, purity in zip(result["groups"], (0.99, 0.97, 0.6, 0.9), strict=True):
        group["purity"] = purity
    return result, open_photo
