"""The gallery page as a service hands it out: corrections are saved, originals are beside it.

What was written for the disk stays as it is there. In the copy that is served the policy is a
header, which may say more than the page itself can, and no path of the server is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grouping.errors import InputError
from grouping.report.gallery import as_json
from grouping.results.album import one_line

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


def served_page(
    page: str, *, corrections: str | None, photos: str, names: Sequence[str]
) -> ServedPage:
    """Return a page of this program for browsers that got it from a service.

    Args:
        page: as :func:`grouping.report.gallery.gallery_page` made it.
        corrections: where changes are saved, relative to the page; letters, digits, ``/.-``. None
            where they may only be downloaded.
        photos: the folder of the originals, relative to the page, in which each photo is called by
            its place among the images.
        names: of all photos, for those that lie on the server under a name of its own.

    Raises:
        InputError: it is no page of this program, or one of other photos.
    """
    policy, data = _POLICY.search(page), _DATA.search(page)
    if policy is None or data is None or policy.end() > data.start():
        raise _damaged()
    mark = "" if corrections is None else f'<meta name="corrections" content="{corrections}">'
    text = "".join(
        (
            page[: policy.start()],
            mark,
            page[policy.end() : data.start(2)],
            _without_paths(data[2], photos, names),
            page[data.end() :],
        )
    )
    return ServedPage(text, policy[1].replace(" file:", "") + _OF_SERVICE)


def _without_paths(data: str, photos: str, names: Sequence[str]) -> str:
    """The data with originals beside the page, but for those that lie on the web."""
    try:
        album: dict[str, Any] = json.loads(data)
    except ValueError:
        raise _damaged() from None
    if len(album["photos"]) != len(names):
        raise _damaged()
    for place, photo in enumerate(album["photos"]):
        if photo.get("link", "").startswith(("http://", "https://")):
            continue
        if photo.pop("link", "").startswith("file:"):
            photo["name"] = one_line(names[place]) or photo["name"]
        if not photo.get("failed"):
            photo["link"] = f"{photos}/{place}"
    return as_json(album)


def _damaged() -> InputError:
    return InputError("the page of the album is damaged; group the album again")
