"""The gallery page as a service hands it out: corrections are saved, originals are beside it.

What was written for the disk stays as it is there. In the copy that is served the policy is a
header, which may say more than the page itself can, and no path of the server is named.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from grouping.errors import InputError
from grouping.report.gallery import as_json

_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_DATA = re.compile(r'(<script type="application/json" id="data">)([^<]*)(?=</script>)')
# The page may ask the service it came from, and nobody shows it within another page.
_OF_SERVICE = "; connect-src 'self'; frame-ancestors 'none'"


@dataclass(frozen=True)
class ServedPage:
    """A page to be handed out.

    Attributes:
        text: HTML.
        policy: value of its ``Content-Security-Policy`` header.
    """

    text: str
    policy: str


def served_page(page: str, *, corrections: str, photos: str) -> ServedPage:
    """Return a page of this program for browsers that got it from a service.

    Args:
        page: as :func:`grouping.report.gallery.gallery_page` made it.
        corrections: where changes are saved, relative to the page; letters, digits, ``/.-``.
        photos: the folder of the originals, relative to the page, in which each photo is called by
            its place among the images.

    Raises:
        InputError: it is no page of this program.
    """
    policy, data = _POLICY.search(page), _DATA.search(page)
    if policy is None or data is None or policy.end() > data.start():
        raise InputError("the page of the album is damaged; group the album again")
    mark = f'<meta name="corrections" content="{corrections}">'
    text = "".join(
        (
            page[: policy.start()],
            mark,
            page[policy.end() : data.start(2)],
            _without_paths(data[2], photos),
            page[data.end() :],
        )
    )
    return ServedPage(text, policy[1].replace(" file:", "") + _OF_SERVICE)


def _without_paths(data: str, photos: str) -> str:
    """The data with originals beside the page, but for those that lie on the web."""
    try:
        album: dict[str, Any] = json.loads(data)
    except ValueError:
        raise InputError("the page of the album is damaged; group the album again") from None
    for place, photo in enumerate(album["photos"]):
        if photo.get("failed"):
            photo.pop("link", None)
        elif not photo.get("link", "").startswith(("http://", "https://")):
            photo["link"] = f"{photos}/{place}"
    return as_json(album)
