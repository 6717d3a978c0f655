"""XMP of any content: face regions, or one reason; in bounded time."""

from grouping.errors import InputError
from grouping.sources.metadata.xmp_regions import MOST_REGIONS, regions_in
from tests.helpers.fuzzing import assert_one_line, damaged, fuzz, short_and_long

HEAD = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
 xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"
 xmlns:MP="http://ns.microsoft.com/photo/1.2/"
 xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
 xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#">"""
TAIL = b"</rdf:Description></rdf:RDF></x:xmpmeta>"
MWG = b"""<mwg-rs:Regions rdf:parseType="Resource">
<mwg-rs:AppliedToDimensions stDim:w="400" stDim:h="300" stDim:unit="pixel"/>
<mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Name="Ann" mwg-rs:Type="Face">
<mwg-rs:Area stArea:x="0.5" stArea:y="0.4" stArea:w="0.2" stArea:h="0.3"/>
</rdf:Description></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"""
MICROSOFT = b"""<MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag>
<rdf:li><rdf:Description MPReg:Rectangle="0.1, 0.2, 0.3, 0.4" MPReg:PersonDisplayName="Ann"/>
</rdf:li></rdf:Bag></MPRI:Regions></rdf:Description></MP:RegionInfo>"""
PACKETS = [HEAD + part + TAIL for part in (MWG, MICROSOFT, MWG + MICROSOFT)]
PACKETS.append(PACKETS[0].decode().encode("utf-16"))
WORDS = [
    *(b"<rdf:li>", b"</rdf:li>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"&#0;", b"&x;", b"\0"),
    *(b'<!DOCTYPE x [<!ENTITY x "xxxx">]>', b"<a>" * 200, b"9" * 5000, b"nan", b"-1e999", b"inf"),
    *(b"0,5", b'stArea:x="', b"<?x ?>", b"\xff\xfe", b"\xe2\x80\xae"),
]


def check(data):
    try:
        found = regions_in(data)
    except InputError as error:
        assert_one_line(error)
        return "refused"
    assert len(found) <= MOST_REGIONS
    for region in found:
        x, y, w, h = region.area
        assert all(-1e9 < value < 1e9 for value in (x, y)), region
        assert 0 < w < 1e9
        assert 0 < h < 1e9
        region.name.encode()
    return "regions" if found else "none"


def test_the_packets_that_are_damaged_here_are_right():
    assert [len(regions_in(packet)) for packet in PACKETS] == [1, 1, 2, 1]


@short_and_long
def test_damaged_packets_are_read_or_refused(cases):
    fuzz(cases, check, "refused", "regions", data=damaged(PACKETS, WORDS))
