"""Face regions in XMP, as photo programs write them.

Two kinds are read: those of the Metadata Working Group (Guidelines for Handling Image Metadata 2.0,
section 5.9; Lightroom, digiKam, Picasa, exiftool, this program) and those of Microsoft (People
Tagging Overview; Windows Photo Gallery). Both may be written as attributes or as elements.

XMP comes with photos from anywhere. It is read without document types and entities, so that it
refers to nothing and does not grow, and within bounds on its size, depth and number of regions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from grouping.errors import InputError
from grouping.sources.metadata.stored_areas import Area

MOST_BYTES = 16 * 2**20
MOST_ELEMENTS = 100_000
MOST_DEPTH = 64
MOST_REGIONS = 1000  # of one photo
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
LONGEST_NUMBER = 32  # characters

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_MWG = "http://www.metadataworkinggroup.com/schemas/regions/ "
_AREA = "http://ns.adobe.com/xmp/sType/Area# "
_SIZE = "http://ns.adobe.com/xap/1.0/sType/Dimensions# "
_MP = "http://ns.microsoft.com/photo/1.2/ "
_MPRI = "http://ns.microsoft.com/photo/1.2/t/RegionInfo# "
_MPREG = "http://ns.microsoft.com/photo/1.2/t/Region# "


@dataclass(frozen=True)
class Region:
    """A face that another program marked.

    Attributes:
        area: of the image as stored, in shares of its sides.
        name: as it was written; empty for none.
        applied_to: width and height of the image that it was written for; None where not said.
    """

    area: Area
    name: str = ""
    applied_to: tuple[float, float] | None = None


def regions_in(xmp: bytes) -> tuple[Region, ...]:
    """Return the face regions of a packet or a sidecar.

    What is no face, has no area, or an area that is none, is passed over.

    Raises:
        InputError: it is no XML, has a document type, or is beyond the bounds.
    """
    found: list[Region] = []
    for node in _parsed(xmp).walk():
        if node.tag == _MWG + "Regions":
            found += _mwg_regions(node)
        elif node.tag == _MP + "RegionInfo":
            found += _microsoft_regions(node)
        if len(found) > MOST_REGIONS:
            raise InputError(f"its XMP has more than {MOST_REGIONS} regions")
    return tuple(found)


@dataclass(eq=False)
class _Node:
    """An element; names are the namespace, a space and the name."""

    tag: str
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)
    children: list[_Node] = field(default_factory=list)

    def walk(self) -> Iterator[_Node]:
        """Yield this element and all below it."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))

    def parts(self) -> list[_Node]:
        """Return the elements that hold its properties: itself, or a description within."""
        return [self, *(child for child in self.children if child.tag == _RDF + "Description")]

    def text_of(self, name: str) -> str:
        """Return a property that is text, whichever way it was written; empty for none."""
        for part in self.parts():
            if name in part.attributes:
                return part.attributes[name].strip()
            for child in part.children:
                if child.tag == name:
                    return "".join(child.texts).strip()
        return ""

    def node_of(self, name: str) -> _Node | None:
        """Return a property that has properties itself."""
        for part in self.parts():
            for child in part.children:
                if child.tag == name:
                    return child
        return None

    def items_of(self, name: str) -> Iterator[_Node]:
        """Yield the items of a property that is a list."""
        listed = self.node_of(name)
        for container in listed.children if listed else ():
            if container.tag in (_RDF + "Bag", _RDF + "Seq", _RDF + "Alt"):
                yield from (item for item in container.children if item.tag == _RDF + "li")


def _parsed(xmp: bytes) -> _Node:
    """Return the root element.

    Raises:
        InputError: see :func:`regions_in`.
    """
    if len(xmp) > MOST_BYTES:
        raise InputError(f"its XMP is larger than {MOST_BYTES >> 20} MB")
    builder = _Builder()
    if not xmp.startswith(UTF_16):
        xmp = xmp.strip(b"\0 \t\r\n")  # some programs pad it
    try:
        builder.parser.Parse(xmp, True)
    except InputError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise InputError(f"its XMP is damaged: {error}") from None
    return builder.root


class _Builder:
    """Builds the tree while the parser reads, and stops it at the bounds."""

    def __init__(self) -> None:
        self.root = _Node("", {})
        self._open = [self.root]
        self._count = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, *_: object) -> None:
        raise InputError("its XMP has a document type, which is not read")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS or len(self._open) > MOST_DEPTH:
            raise InputError("its XMP has too many elements, or too deep ones")
        node = _Node(tag, attributes)
        self._open[-1].children.append(node)
        self._open.append(node)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].texts.append(text)


def _mwg_regions(regions: _Node) -> Iterator[Region]:
    size = regions.node_of(_MWG + "AppliedToDimensions")
    sides = _numbers(size.text_of(_SIZE + side) for side in "wh") if size else None
    applied_to = (sides[0], sides[1]) if sides and min(sides) > 0 else None
    for item in regions.items_of(_MWG + "RegionList"):
        area = item.node_of(_MWG + "Area")
        kind = item.text_of(_MWG + "Type")
        if area is None or kind not in ("", "Face"):
            continue
        if area.text_of(_AREA + "unit") not in ("", "normalized"):
            continue
        values = _numbers(area.text_of(_AREA + name) for name in "xywh")
        if values and _is_area(values):
            x, y, w, h = values
            yield Region((x, y, w, h), item.text_of(_MWG + "Name"), applied_to)


def _microsoft_regions(info: _Node) -> Iterator[Region]:
    for item in info.items_of(_MPRI + "Regions"):
        values = _numbers(item.text_of(_MPREG + "Rectangle").split(","))
        if values and len(values) == 4:
            left, top, width, height = values
            area = (left + width / 2, top + height / 2, width, height)
            if _is_area(area):
                yield Region(area, item.text_of(_MPREG + "PersonDisplayName"))


def _numbers(texts: Iterator[str] | list[str]) -> list[float] | None:
    """Return finite numbers, a comma for a point allowed; None where one is none."""
    numbers = []
    for text in texts:
        if len(text) > LONGEST_NUMBER:
            return None
        try:
            numbers.append(float(text.strip().replace(",", ".")))
        except ValueError:
            return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _is_area(values: list[float] | Area) -> bool:
    """Whether middle and size are those of an area that touches the image."""
    x, y, width, height = values
    inside = abs(x - 0.5) < 0.5 + width / 2 and abs(y - 0.5) < 0.5 + height / 2
    return 0 < width <= 2 and 0 < height <= 2 and inside
