"""XMP sidecars with face regions, as digiKam, Lightroom and Immich read them.

The regions are those of the Metadata Working Group (Guidelines for Handling Image Metadata
2.0, section 5.9): the middle and the size of an area, divided by the size of the image *as
stored*, before the Exif orientation is applied; ``AppliedToDimensions`` is that stored size.
The orientation is repeated in the sidecar, since some programs turn regions by it.
"""

from __future__ import annotations

import os
from pathlib import Path
from xml.sax.saxutils import quoteattr

from grouping.errors import FetchError
from grouping.export.safe_names import distinct_name, safe_name
from grouping.faces.decoding import stored_orientation
from grouping.results.album import Album, Face, OpenPhoto, one_line
from grouping.results.schema import Document
from grouping.sources.metadata.stored_areas import Area, stored_area
from grouping.storage.atomic_files import make_folder, write_bytes
from grouping.version import PRODUCT

SUFFIX = ".xmp"
ELSEWHERE = "elsewhere"
LONGEST_NAME = 255  # bytes, of nearly all file systems


def write_sidecars(
    document: Document, open_photo: OpenPhoto, folder: Path | None = None
) -> tuple[list[Path], list[str]]:
    """Write ``photo.jpg.xmp`` for each photo with faces; photos themselves are only read.

    Args:
        document: of a run.
        open_photo: gives the bytes of ``document["images"][i]``, raises
            :class:`grouping.errors.FetchError`.
        folder: where the sidecars go, in the folders that the photos are in below their
            common one, so that the whole can be copied over the photos. None puts each beside
            its photo, as photo programs expect them, and leaves alone what another program
            has written.

    Returns:
        The files written, and one line for each photo that got none.

    Raises:
        OutputError: a file cannot be written.
    """
    album = Album(document)
    written: list[Path] = []
    problems: list[str] = []
    places = {} if folder is None else sidecar_places(album)
    for photo in range(len(album.images)):
        if not album.faces_in(photo):
            continue
        try:
            path = _beside(album, photo) if folder is None else folder / places[photo]
            if len(os.fsencode(path.name)) > LONGEST_NAME:
                raise FetchError("its name is too long for a sidecar")
            text = sidecar(
                album, photo, stored_orientation(album.read_unchanged(photo, open_photo))
            )
        except FetchError as error:
            problems.append(f"{album.photo_name(photo)}: {one_line(str(error))}")
            continue
        make_folder(path.parent)
        written.append(write_bytes(path, text.encode("utf-8")))
    return written, problems


def sidecar(album: Album, photo: int, orientation: int = 1) -> str:
    """The XMP packet of one photo.

    Args:
        album: of the document.
        photo: index into its images.
        orientation: the Exif orientation that was applied to make the photo upright.
    """
    image = album.images[photo]
    width, height = image["width"], image["height"]
    if orientation >= 5:
        width, height = height, width
    regions = "\n".join(_region(album, face, orientation) for face in album.faces_in(photo))
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="{PRODUCT}">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
    xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
    xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"
    xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
    tiff:Orientation="{orientation}">
   <mwg-rs:Regions rdf:parseType="Resource">
    <mwg-rs:AppliedToDimensions stDim:w="{width}" stDim:h="{height}" stDim:unit="pixel"/>
    <mwg-rs:RegionList>
     <rdf:Bag>
{regions}
     </rdf:Bag>
    </mwg-rs:RegionList>
   </mwg-rs:Regions>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def _region(album: Album, face: Face, orientation: int) -> str:
    x, y, w, h = stored_area(_upright_area(album, face), orientation)
    name = album.groups[face.group].get("name") if face.group >= 0 else None
    named = f" mwg-rs:Name={quoteattr(_xml_text(name))}" if name else ""
    return (
        f'      <rdf:li><rdf:Description mwg-rs:Type="Face"{named}>'
        f'<mwg-rs:Area stArea:x="{x:.6f}" stArea:y="{y:.6f}" stArea:w="{w:.6f}" '
        f'stArea:h="{h:.6f}" stArea:unit="normalized"/></rdf:Description></rdf:li>'
    )


def _upright_area(album: Album, face: Face) -> Area:
    """The part of the box inside the photo, as middle and size in [0, 1]."""
    image = album.images[face.photo]
    x1, x2 = (min(max(v / image["width"], 0.0), 1.0) for v in (face.box[0], face.box[2]))
    y1, y2 = (min(max(v / image["height"], 0.0), 1.0) for v in (face.box[1], face.box[3]))
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def _xml_text(text: str) -> str:
    """Without what XML 1.0 cannot hold: control characters, lone surrogates, U+FFFE, U+FFFF."""
    whole = one_line(text).encode("utf-8", "replace").decode()
    return whole.replace("\ufffe", "").replace("\uffff", "")


def _beside(album: Album, photo: int) -> Path:
    original = album.local_path(photo)
    if original is None:
        raise FetchError("a sidecar beside it needs a photo on this machine")
    path = original.with_name(original.name + SUFFIX)
    if path.exists() and PRODUCT.encode() not in path.read_bytes():
        raise FetchError(f"{path.name} was written by another program and is left as it is")
    return path


def sidecar_places(album: Album, suffix: str = SUFFIX) -> dict[int, Path]:
    """Where each sidecar lies inside a folder: as the photos lie below their common folder.

    Photos that are not on this machine have a folder of their own.
    """
    originals = {photo: album.local_path(photo) for photo in range(len(album.images))}
    local = {photo: path for photo, path in originals.items() if path is not None}
    one_disk = len({path.anchor for path in local.values()}) == 1
    common = os.path.commonpath([path.parent for path in local.values()]) if one_disk else ""
    places: dict[int, Path] = {}
    taken: set[str] = set()
    for photo in originals:
        path = local.get(photo)
        if path is not None and one_disk:
            places[photo] = path.parent.relative_to(common) / (path.name + suffix)
        else:
            name = safe_name(album.photo_name(photo)) + suffix
            places[photo] = Path(ELSEWHERE, distinct_name(name, taken))
    return places
