"""Answers of web servers and of S3, to the last byte of their own making: photos, or one reason."""

import gzip

import pytest

from grouping.errors import FetchError, SourceError
from grouping.sources.s3_photo import S3Photo, photos_in_bucket
from grouping.sources.web.http_photo import HttpOptions, fetch
from grouping.storage.s3.client import S3Options
from tests.helpers.fuzzing import assert_one_line, damaged, fuzz, short_and_long
from tests.helpers.services.servers import RawServer

BODY = bytes(range(256)) * 2
MOST = 4096  # bytes of a photo, for these tests
OPTIONS = HttpOptions(
    allowed=("127.0.0.1",), attempts=1, connect_timeout=2, read_timeout=2, total_timeout=4
)


def answer(status, body=b"", **headers):
    lines = [f"HTTP/1.1 {status}", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def whole(status, body, **headers):
    return answer(status, body, Content_Length=len(body), **headers)


CHUNKED = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY, b"end", b""))
PACKED = gzip.compress(BODY, mtime=0)
ANSWERS = [
    whole("200 OK", BODY, Content_Type="image/jpeg", ETag='"x"'),
    answer("200 OK", BODY),
    answer("200 OK", CHUNKED, Transfer_Encoding="chunked"),
    whole("200 OK", PACKED, Content_Encoding="gzip"),
    whole("206 Partial Content", BODY, Content_Range=f"bytes 0-{len(BODY) - 1}/{len(BODY)}"),
    whole("302 Found", b"", Location="/other", Set_Cookie="a=b; Path=/; Max-Age=60"),
    whole("503 Slow Down", b"later", Retry_After="1.5"),
    whole("404 Not Found", b"<html>"),
]
WORDS = [
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\0", b":", b"-5\r\n", b"9" * 5000, b"Content-Length: 10\r\n"),
    *(b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffff\r\n"),
    *(b"Location: http://[bad/\r\n", b"Location: //\r\n", b"Location: file:///etc/passwd\r\n"),
    *(
        b"Content-Encoding: gzip, deflate\r\n",
        b"Content-Encoding: br\r\n",
        b"HTTP/1.1 100 \r\n\r\n",
    ),
    *(b"Retry-After: nan\r\n", b"Set-Cookie: \xff=;;=\r\n", b"X: " + b"x" * 70_000 + b"\r\n"),
    *(b"Last-Modified: yesterday\r\n", b"ETag: \r\n", b"x-amz-meta-\xe9: \xff\r\n"),
]


@pytest.fixture(scope="module")
def server():
    with RawServer() as running:
        yield running


@short_and_long
def test_answers_of_web_servers_are_photos_or_failures(cases, server):
    def check(data):
        server.answer = data
        try:
            photo = fetch(f"{server.url}/a.jpg", OPTIONS, MOST)
        except FetchError as error:
            assert_one_line(error, without="127.0.0.1")  # an address may hold a signature
            return "refused"
        assert len(photo) <= MOST
        return "whole" if photo == BODY else "fetched"

    fuzz(cases, check, "refused", "whole", "fetched", data=damaged(ANSWERS, WORDS))


LISTING = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>
<Prefix>album/</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>
<Contents><Key>album/a.jpg</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>
<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>5</Size></Contents>
<Contents><Key>album/sub/b%20.jpg</Key><LastModified>2026-01-02T00:00:00.000Z</LastModified>
<ETag>&quot;x&quot;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>
</ListBucketResult>"""
DENIED = b"<Error><Code>AccessDenied</Code><Message>no\n way</Message></Error>"
S3_ANSWERS = [
    whole("200 OK", BODY, ETag='"x"', Last_Modified="Wed, 21 Oct 2015 07:28:00 GMT"),
    whole("200 OK", PACKED, ETag='"x"', Content_Encoding="gzip"),
    whole("403 Forbidden", DENIED, Content_Type="application/xml"),
    whole("503 Slow Down", DENIED.replace(b"AccessDenied", b"SlowDown")),
]
XML_WORDS = [
    *(b"<IsTruncated>true</IsTruncated>", b"<NextContinuationToken>t</NextContinuationToken>"),
    *(b"<Contents>", b"</Contents>", b"<Key/>", b"<Size>-1</Size>", b"&#0;", b"&#x202e;", b"&x;"),
    b'<!DOCTYPE x [<!ENTITY x "xxxxxxxxxx">]>',
]


@pytest.fixture
def s3_options(s3_credentials, server):
    return S3Options(
        endpoint_url=server.url, attempts=1, connect_timeout=2, read_timeout=2, total_timeout=4
    )


@short_and_long
def test_objects_of_s3_are_photos_or_failures(cases, server, s3_options):
    photo = S3Photo(1, "s3://bucket/a.jpg", "bucket", "a.jpg", s3_options, None, MOST)

    def check(data):
        server.answer = data
        photo.fingerprint()
        try:
            found = photo.read()
        except FetchError as error:
            assert_one_line(error)
            return "refused"
        assert len(found) <= MOST
        return "whole" if found == BODY else "fetched"

    files = damaged(S3_ANSWERS, [*WORDS, *XML_WORDS])
    fuzz(cases, check, "refused", "whole", "fetched", data=files)


@short_and_long
def test_listings_of_s3_are_photos_or_one_reason(cases, server, s3_options):
    """Of a damaged listing the length is right, so that what is in it is read."""

    def check(listing):
        server.answer = whole("200 OK", listing, Content_Type="application/xml")
        try:
            photos = list(photos_in_bucket("s3://bucket/album", s3_options))
        except SourceError as error:
            assert_one_line(error)
            return "refused"
        for photo in photos:
            photo.location.encode()
        return "listed" if photos else "empty"

    fuzz(cases, check, "refused", "listed", listing=damaged([LISTING], XML_WORDS))
