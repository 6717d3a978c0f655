"""Face regions in XMP: what is read, and what hostile XML cannot do."""

import pytest

from grouping.errors import InputError
from grouping.sources.metadata import xmp_regions
from grouping.sources.metadata.stored_areas import stored_area, upright_area
from grouping.sources.metadata.xmp_regions import Region, regions_in

HEAD = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
 xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"
 xmlns:MP="http://ns.microsoft.com/photo/1.2/"
 xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
 xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#">"""
TAIL = '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
# As Lightroom writes it: attributes. As digiKam and exiftool do: elements.
AREA = '<mwg-rs:Area stArea:x="0.5" stArea:y="0.4" stArea:w="0.2" stArea:h="0.3"{}/>'
ATTRIBUTES = f"""<mwg-rs:Regions rdf:parseType="Resource">
 <mwg-rs:AppliedToDimensions stDim:w="400" stDim:h="300" stDim:unit="pixel"/>
 <mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Name="Ann" mwg-rs:Type="Face">
 {AREA.format("")}</rdf:Description></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"""
ELEMENTS = """<mwg-rs:Regions rdf:parseType="Resource">
 <mwg-rs:AppliedToDimensions rdf:parseType="Resource"><stDim:w>400</stDim:w><stDim:h>300</stDim:h>
 </mwg-rs:AppliedToDimensions><mwg-rs:RegionList><rdf:Bag><rdf:li rdf:parseType="Resource">
 <mwg-rs:Area rdf:parseType="Resource"><stArea:h>0.3</stArea:h><stArea:w>0,2</stArea:w>
 <stArea:x>0.5</stArea:x><stArea:y>0.4</stArea:y><stArea:unit>normalized</stArea:unit>
 </mwg-rs:Area><mwg-rs:Name>Ann</mwg-rs:Name></rdf:li></rdf:Bag></mwg-rs:RegionList>
 </mwg-rs:Regions>"""
MICROSOFT = """<MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag>
 <rdf:li><rdf:Description MPReg:Rectangle="{}" MPReg:PersonDisplayName="Ann"/></rdf:li>
 <rdf:li MPReg:PersonDisplayName="without a place"/></rdf:Bag></MPRI:Regions></rdf:Description>
 </MP:RegionInfo>"""
ANN = Region((0.5, 0.4, 0.2, 0.3), "Ann", (400, 300))


def packet(*parts):
    return (HEAD + "".join(parts) + TAIL).encode()


def mwg(item):
    return packet(
        f"<mwg-rs:Regions><rdf:Description><mwg-rs:RegionList><rdf:Bag>{item}</rdf:Bag>"
        "</mwg-rs:RegionList></rdf:Description></mwg-rs:Regions>"
    )


@pytest.mark.parametrize("text", [ATTRIBUTES, ELEMENTS])
def test_regions_of_the_working_group(text):
    assert regions_in(packet(text)) == (ANN,)
    assert regions_in(b"\xef\xbb\xbf" + packet(text) + b"\n\0\0") == (ANN,)
    assert regions_in(packet(text).decode().encode("utf-16")) == (ANN,)


def test_regions_of_microsoft():
    (region,) = regions_in(packet(MICROSOFT.format("0.4, 0.25, 0.2, 0.3")))
    assert region.area == pytest.approx((0.5, 0.4, 0.2, 0.3))
    assert (region.name, region.applied_to) == ("Ann", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        MICROSOFT.format("0.4, 0.25, 0.2"),
        MICROSOFT.format("0.4, 0.25, nan, 0.3"),
        MICROSOFT.format("0.4, 0.25, 0.2, " + "9" * 5000),
        MICROSOFT.format("2, 2, 0.1, 0.1"),
        MICROSOFT.format("0.4, 0.25, 0, 0.3"),
        ELEMENTS.replace("Ann</mwg-rs:Name>", "Rex</mwg-rs:Name><mwg-rs:Type>Pet</mwg-rs:Type>"),
        ELEMENTS.replace("normalized", "pixel"),
        ELEMENTS.replace("0.5", "middle"),
        ELEMENTS.replace("mwg-rs:Area", "mwg-rs:Aria"),
    ],
)
def test_what_is_no_face_with_a_place_is_passed_over(text):
    assert regions_in(packet(text)) == ()


def test_a_size_that_is_none_says_nothing():
    (region,) = regions_in(packet(ATTRIBUTES.replace('w="400"', 'w="0"')))
    assert region.applied_to is None


BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("xmp", "message"),
    [
        (b"", "its XMP is damaged"),
        (b"<x", "damaged"),
        (packet()[:-9], "damaged"),
        (b"\xff\xfe\x00", "damaged"),
        (b'<?xml version="1.0" encoding="nonsense"?><x/>', "damaged"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "^its XMP has a document type"),
        (f'<!DOCTYPE x [<!ENTITY a0 "b">{BOMB}]><x>&a9;</x>'.encode(), "document type"),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "document type"),
        (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>', "document type"),
        (b"<a>" * 5000 + b"</a>" * 5000, "too deep"),
        (b"<x>" + b"<a/>" * 200_000 + b"</x>", "too many"),
        (b"<x>" + b" " * xmp_regions.MOST_BYTES + b"</x>", "larger than"),
        (mwg(f"<rdf:li>{AREA.format('')}</rdf:li>" * 2000), "more than 1000 regions"),
    ],
)
def test_hostile_xml_is_refused_in_one_line(xmp, message):
    with pytest.raises(InputError, match=message) as caught:
        regions_in(xmp)
    assert "\n" not in str(caught.value)


def test_much_text_in_small_pieces_takes_no_time():
    pieces = b"<x>" + (b"y" * 100 + b"<a/>") * 90_000 + b"</x>"
    assert regions_in(pieces) == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_areas_are_turned_there_and_back(orientation):
    area = (0.3, 0.2, 0.1, 0.25)
    assert upright_area(stored_area(area, orientation), orientation) == pytest.approx(area)
