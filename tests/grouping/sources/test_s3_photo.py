"""S3 over real HTTP: moto's server in another process, with a faulty proxy before it."""

import subprocess
import sys
import time
from dataclasses import replace

import pytest

from grouping.errors import ConfigError, FetchError, SourceError
from grouping.execution.read_ahead import read_ahead
from grouping.sources.entries import SourceOptions, photos_from_entries
from grouping.sources.listing import list_sources
from grouping.sources.s3_photo import S3Photo, photos_in_bucket
from grouping.storage.s3.client import S3Options, split_url
from tests.helpers.paths import ROOT
from tests.helpers.photo_files.photos import read_or_reason
from tests.helpers.services.servers import (
    FaultyServer,
    drops,
    drops_midway,
    first,
    forwards,
    s3_server,
    sends,
    stalls,
)

pytestmark = pytest.mark.usefixtures("s3_credentials", "short_pauses")

BODY = bytes(range(256)) * 4096  # 1 MB


def error_body(code):
    return f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()


@pytest.fixture
def options():
    return S3Options(endpoint_url=s3_server(), attempts=3, read_timeout=0.5)


@pytest.fixture
def proxy(options):
    with FaultyServer() as server:
        server.otherwise = forwards(s3_server())
        server.options = replace(options, endpoint_url=server.url("").rstrip("/"))
        yield server


def put(client, bucket, *keys, **arguments):
    for key in keys:
        client.put_object(Bucket=bucket, Key=key, Body=key.encode(), **arguments)


def keys_of(photos):
    return [photo.key for photo in photos]


def test_a_prefix_is_a_folder(client, bucket, options):
    put(client, bucket, "2024/a.jpg", "2024/sub/b.PNG", "2024-private/c.jpg", "2024/notes.txt")
    put(client, bucket, "2024/.hidden/d.jpg", "2024/@eaDir/e.jpg", "2024/empty/", "2024/", "f.jpg")
    for prefix in ("2024", "2024/"):
        photos = list(photos_in_bucket(f"s3://{bucket}/{prefix}", options))
        assert keys_of(photos) == ["2024/a.jpg", "2024/sub/b.PNG"]
        assert photos[0].location == photos[0].id == f"s3://{bucket}/2024/a.jpg"
        assert photos[0].read() == b"2024/a.jpg"
    assert len(list(photos_in_bucket(f"s3://{bucket}", options))) == 4


def test_one_object_of_any_name(client, bucket, options):
    put(client, bucket, "scan", "scan2.jpg")
    assert keys_of(photos_in_bucket(f"s3://{bucket}/scan", options)) == ["scan"]


def test_keys_in_any_script(client, bucket, options):
    names = ["가족/사진 1.jpg", "a+b&c=d.jpg", "party 🎉.jpg", "q?x#y.jpg"]
    put(client, bucket, *names)
    photos = list(photos_in_bucket(f"s3://{bucket}", options))
    assert sorted(keys_of(photos)) == sorted(names)
    assert all(photo.read() == photo.key.encode() for photo in photos)


def test_the_results_are_left_out(client, bucket, options):
    put(client, bucket, "a.jpg", "out/groups/person_000.jpg", "outing/b.jpg")
    photos = list_sources(
        [f"s3://{bucket}"], out=f"s3://{bucket}/out", options=SourceOptions(s3=options)
    )
    assert keys_of(photos) == ["a.jpg", "outing/b.jpg"]


def test_listing_goes_page_by_page(proxy):
    proxy.otherwise = forwards(s3_server(keys=1500))
    photos = photos_in_bucket("s3://many", replace(proxy.options, read_timeout=20))
    assert next(photos).key == "photos/000000.jpg"
    assert proxy.requests["/many"] == 1
    assert keys_of(photos) == [f"photos/{number:06}.jpg" for number in range(1, 1500)]
    assert proxy.requests["/many"] == 2


@pytest.mark.parametrize(
    ("url", "message"), [("s3://no-such-bucket-here", "no such bucket"), ("s3://B!", "valid name")]
)
def test_buckets_that_cannot_be_listed_are_an_error_at_once(options, url, message):
    with pytest.raises(SourceError, match=message):
        list_sources([url], options=SourceOptions(s3=options))


def test_an_empty_prefix_is_an_error(client, bucket, options):
    with pytest.raises(SourceError, match="holds no photos"):
        list_sources([f"s3://{bucket}/nothing"], options=SourceOptions(s3=options))


def test_missing_and_archived_objects_fail_alone(client, bucket, options):
    put(client, bucket, "cold.jpg", StorageClass="GLACIER")
    put(client, bucket, "a.jpg")
    entries = [{"id": key, "url": f"s3://{bucket}/{key}"} for key in ("gone.jpg", "cold.jpg")]
    named = SourceOptions(s3=replace(options, buckets=(bucket,)))
    gone, cold = photos_from_entries(entries, options=named)
    assert gone.fingerprint().version is None
    for photo, message in [(gone, "no such object"), (cold, "Glacier")]:
        with pytest.raises(FetchError, match=message) as caught:
            photo.read()
        assert not caught.value.retryable
    assert S3Photo(0, "", bucket, "a.jpg", options).read() == b"a.jpg"


def test_denied_objects_say_so(proxy, bucket):
    proxy.answers[f"/{bucket}/a.jpg"] = sends(error_body("AccessDenied"), 403)
    with pytest.raises(FetchError, match="access is denied") as caught:
        S3Photo(0, "", bucket, "a.jpg", proxy.options).read()
    assert not caught.value.retryable
    assert proxy.requests[f"/{bucket}/a.jpg"] == 1


@pytest.mark.parametrize(
    "fault", [drops, stalls(1), sends(error_body("SlowDown"), 503), sends(b"", 500)]
)
def test_passing_faults_are_tried_again(client, bucket, proxy, fault):
    put(client, bucket, "a.jpg")
    proxy.answers[f"/{bucket}/a.jpg"] = first(1, fault, proxy.otherwise)
    assert S3Photo(0, "", bucket, "a.jpg", proxy.options).read() == b"a.jpg"


def test_a_broken_body_is_continued_where_it_broke(client, bucket, proxy):
    client.put_object(Bucket=bucket, Key="a.jpg", Body=BODY)
    etag = client.head_object(Bucket=bucket, Key="a.jpg")["ETag"]

    def half(handler):
        handler.answer(BODY[: len(BODY) // 2], Content_Length=len(BODY), ETag=etag)
        handler.wfile.flush()
        handler.connection.close()

    proxy.answers[f"/{bucket}/a.jpg"] = first(1, half, proxy.otherwise)
    assert S3Photo(0, "", bucket, "a.jpg", proxy.options).read() == BODY
    start = int(proxy.headers[-1]["Range"].removeprefix("bytes=").rstrip("-"))
    assert 0 < start <= len(BODY) // 2
    assert proxy.headers[-1]["If-Match"] == etag


def test_lasting_faults_are_given_up_and_marked_retryable(bucket, proxy):
    proxy.answers[f"/{bucket}/a.jpg"] = drops_midway(BODY)
    with pytest.raises(FetchError) as caught:
        S3Photo(0, "", bucket, "a.jpg", proxy.options).read()
    assert caught.value.retryable


def test_the_size_limit_holds_before_the_body_is_read(client, bucket, options):
    client.put_object(Bucket=bucket, Key="a.jpg", Body=BODY)
    with pytest.raises(FetchError, match="limit"):
        S3Photo(0, "", bucket, "a.jpg", options, max_bytes=len(BODY) - 1).read()
    assert S3Photo(0, "", bucket, "a.jpg", options, max_bytes=len(BODY)).read() == BODY


def test_the_etag_tells_changes_with_or_without_a_listing(client, bucket, options):
    put(client, bucket, "a.jpg")
    (listed,) = photos_in_bucket(f"s3://{bucket}", options)
    named = S3Photo(1, listed.location, bucket, "a.jpg", options)
    assert listed.fingerprint() == named.fingerprint()
    client.put_object(Bucket=bucket, Key="a.jpg", Body=b"changed")
    assert listed.fingerprint().key == named.fingerprint().key
    assert listed.fingerprint() != named.fingerprint()


def test_requester_pays_and_anonymous_reach_the_server(client, bucket, proxy):
    put(client, bucket, "a.jpg")
    paying = replace(proxy.options, requester_pays=True)
    assert [photo.read() for photo in photos_in_bucket(f"s3://{bucket}", paying)] == [b"a.jpg"]
    assert all(h["x-amz-request-payer"] == "requester" for h in proxy.headers)
    assert all("Authorization" in h for h in proxy.headers)
    client.put_object_acl(Bucket=bucket, Key="a.jpg", ACL="public-read")
    proxy.headers.clear()
    S3Photo(0, "", bucket, "a.jpg", replace(proxy.options, anonymous=True)).read()
    assert not any("Authorization" in h for h in proxy.headers)


def test_missing_credentials_and_profiles_say_what_to_do(monkeypatch, options):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(SourceError, match="no AWS credentials"):
        list(photos_in_bucket("s3://b", replace(options, region="eu-west-1")))
    with pytest.raises(SourceError, match="no AWS profile 'nobody'"):
        list(photos_in_bucket("s3://b", replace(options, profile="nobody")))


def test_a_service_can_name_the_only_buckets(client, bucket, options):
    put(client, bucket, "a.jpg")
    with pytest.raises(FetchError, match="refused"):
        S3Photo(0, "", bucket, "a.jpg", replace(options, buckets=("other",))).read()
    assert S3Photo(0, "", bucket, "a.jpg", replace(options, buckets=(bucket,))).read()


@pytest.mark.parametrize(
    "url", ["s3://{bucket}/a.jpg", "s3://arn:aws:s3:us-east-1:1:accesspoint/p/a.jpg"]
)
def test_dictionaries_may_not_name_buckets_unless_allowed(client, bucket, options, url):
    put(client, bucket, "a.jpg")
    entry = {"id": 1, "url": url.format(bucket=bucket)}
    for allowed in (options, replace(options, buckets=("other",))):
        (photo,) = photos_from_entries([entry], options=SourceOptions(s3=allowed))
        with pytest.raises(FetchError, match="refused"):
            photo.read()
    entry["url"] = f"s3://{bucket}/a.jpg"
    named = SourceOptions(s3=replace(options, buckets=(bucket,)))
    assert photos_from_entries([entry], options=named)[0].read() == b"a.jpg"
    anything = photos_from_entries([entry], options=SourceOptions(s3=options), allow_s3=True)
    assert anything[0].read() == b"a.jpg"


def test_credentials_in_an_address_are_refused_and_not_shown(options):
    (photo,) = photos_from_entries([{"id": 1, "url": "s3://KEY:SECRET@b/a.jpg"}], allow_s3=True)
    with pytest.raises(FetchError, match="user name or password"):
        photo.read()
    assert "SECRET" not in repr(photo)
    with pytest.raises(SourceError, match="user name or password") as caught:
        list_sources(["s3://KEY:SECRET@b/x"], options=SourceOptions(s3=options))
    assert "SECRET" not in str(caught.value)


def test_packed_objects_are_unpacked_to_a_bound(client, bucket, options):
    import gzip

    for key, body, encoding in [
        ("a.jpg", gzip.compress(BODY), "gzip"),
        ("b.jpg", BODY, "aws-chunked"),
        ("c.jpg", BODY, "utf-8"),
        ("bomb.jpg", gzip.compress(bytes(10**7)), "gzip"),
    ]:
        client.put_object(Bucket=bucket, Key=key, Body=body, ContentEncoding=encoding)
    for key in ("a.jpg", "b.jpg", "c.jpg"):
        assert S3Photo(0, "", bucket, key, options, max_bytes=len(BODY)).read() == BODY, key
    with pytest.raises(FetchError, match="limit"):
        S3Photo(0, "", bucket, "bomb.jpg", options, max_bytes=10**6).read()


def test_keys_with_dot_folders_are_listed_and_fail_alone(client, bucket, options, proxy):
    put(client, bucket, "a.jpg")
    listing = client.list_objects_v2(Bucket=bucket)["Contents"][0]
    names = ["./a.jpg", "x/../a.jpg", "..", "a.jpg"]
    items = "".join(
        f"<Contents><Key>{n}</Key><ETag>{listing['ETag']}</ETag><Size>5</Size></Contents>"
        for n in names
    )
    body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
    proxy.answers[f"/{bucket}"] = sends(body.encode(), Content_Type="application/xml")
    photos = list(photos_in_bucket(f"s3://{bucket}", proxy.options))
    assert keys_of(photos) == ["./a.jpg", "x/../a.jpg", "a.jpg"]
    for photo in photos[:2]:
        with pytest.raises(FetchError, match=r"folder \. or \.\."):
            photo.read()
    assert photos[2].read() == b"a.jpg"


def test_a_body_is_counted_while_it_streams(bucket, proxy):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        for _ in range(4000):
            handler.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            sent.append(0x10000)

    sent = []
    proxy.answers[f"/{bucket}/a.jpg"] = endless
    with pytest.raises(FetchError, match="limit"):
        S3Photo(0, "", bucket, "a.jpg", proxy.options, max_bytes=10**6).read()
    assert sum(sent) < 10**8


ODD_HEADERS = [
    {"Last_Modified": "yesterday"},
    {"ETag": ""},
    {"Content_Length": "x"},
    {"Content_Length": "9" * 5000},
    {"x_amz_meta_\u00e9": "1"},
    {"x_amz_expiration": "\u00ff"},
    {"x_amz_missing_meta": "many"},
    {"x_amz_object_lock_retain_until_date": "9" * 40},
]


@pytest.mark.parametrize("headers", ODD_HEADERS, ids=str)
def test_odd_answers_of_a_service_fail_alone_if_at_all(bucket, proxy, headers):
    proxy.answers[f"/{bucket}/a.jpg"] = sends(b"photo", **headers)
    photo = S3Photo(0, "", bucket, "a.jpg", proxy.options)
    photo.fingerprint()
    outcome = read_or_reason(photo)
    assert outcome == b"photo" or isinstance(outcome, str)


def test_an_answer_without_length_or_etag_is_read(bucket, proxy):
    def bare(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"photo")

    proxy.answers[f"/{bucket}/a.jpg"] = bare
    photo = S3Photo(0, "", bucket, "a.jpg", proxy.options)
    assert photo.read() == b"photo"
    assert photo.fingerprint().version is None


@pytest.mark.parametrize(
    "item", ["<Size>5</Size>", "<Key>a.jpg</Key><LastModified>x</LastModified>"]
)
def test_an_odd_listing_is_one_line(bucket, proxy, item):
    body = f"<ListBucketResult><Contents>{item}</Contents></ListBucketResult>"
    proxy.answers[f"/{bucket}"] = sends(body.encode(), Content_Type="application/xml")
    with pytest.raises(SourceError, match=r"cannot be listed|holds no photos"):
        list(list_sources([f"s3://{bucket}"], options=SourceOptions(s3=proxy.options)))


def test_a_key_that_is_no_text_fails_alone(options):
    (photo,) = photos_from_entries(
        [{"id": 1, "url": "s3://bucket/\ud800.jpg"}],
        options=SourceOptions(s3=options),
        allow_s3=True,
    )
    assert photo.fingerprint() is None or photo.fingerprint().version is None
    with pytest.raises(FetchError):
        photo.read()


def test_broken_endpoints_and_numbers():
    with pytest.raises(FetchError, match="endpoint"):
        S3Photo(0, "", "b", "k", S3Options(endpoint_url="nonsense")).read()
    with pytest.raises(ConfigError, match="attempts"):
        S3Options(attempts=0)


@pytest.mark.parametrize(
    ("url", "parts"),
    [("s3://b", ("b", "")), ("s3://b/", ("b", "")), ("s3://b/k/ey?x", ("b", "k/ey?x"))],
)
def test_addresses_are_split(url, parts):
    assert split_url(url) == parts


def test_presigned_addresses_work_and_stay_secret(client, bucket):
    from grouping.sources.web.http_photo import HttpOptions

    put(client, bucket, "a.jpg")
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a.jpg"})
    options = SourceOptions(http=HttpOptions(allowed=("127.0.0.1",)))
    (photo,) = photos_from_entries([{"id": 1, "url": url}], options=options)
    assert photo.read() == b"a.jpg"
    assert "Signature" in url
    assert "Signature" not in f"{photo!r} {photo.fingerprint()}"


def _read_with_faults(proxy, bucket, count, every):
    """Read photos, one in ``every`` of which fails once; the results and the seconds."""
    faults = [drops, sends(error_body("SlowDown"), 503), stalls(0.6), drops_midway(BODY)]
    for number in range(0, count, every):
        fault = faults[number // every % len(faults)]
        proxy.answers[f"/{bucket}/{number}.jpg"] = first(1, fault, proxy.otherwise)
    photos = (
        S3Photo(number, "", bucket, f"{number}.jpg", proxy.options) for number in range(count)
    )
    start = time.monotonic()
    results = []
    for _, _, data in read_ahead(photos, S3Photo.read):
        time.sleep(0.03)  # the work on a photo
        results.append(data)
    return results, time.monotonic() - start


def _check_faults(client, bucket, proxy, count):
    names = [f"{number}.jpg" for number in range(count)]
    put(client, bucket, *names)
    calm, calm_seconds = _read_with_faults(proxy, bucket, count, every=count)
    proxy.requests.clear()
    rough, rough_seconds = _read_with_faults(proxy, bucket, count, every=10)
    assert calm == rough == [name.encode() for name in names]
    assert sum(proxy.requests.values()) == count * 1.1  # the faults did happen
    return rough_seconds / calm_seconds


def test_nothing_is_lost_when_one_request_in_ten_fails(client, bucket, proxy):
    _check_faults(client, bucket, proxy, 40)


@pytest.mark.slow
def test_one_failing_request_in_ten_costs_little_time(client, bucket, proxy):
    assert _check_faults(client, bucket, proxy, 600) <= 1.3


LIST_MANY = """
import resource, sys, time
from itertools import islice
from grouping.execution.read_ahead import read_ahead
from grouping.sources.s3_photo import S3Photo, photos_in_bucket
from grouping.storage.s3.client import S3Options
start = time.monotonic()
photos = photos_in_bucket("s3://many", S3Options(endpoint_url=sys.argv[1]))
results = read_ahead(photos, S3Photo.read)
next(results)
print(time.monotonic() - start)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
for _ in islice(results, 999):
    pass
before = peak()
results.close()
print(sum(1 for _ in photos), peak() - before)
"""


def _list_many(keys):
    """Seconds to the first photo, keys left after 1,000 photos, growth in MB while listing."""
    run = subprocess.run(
        [sys.executable, "-c", LIST_MANY, s3_server(keys)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, left, growth = map(float, run.stdout.split())
    return seconds, left, growth


@pytest.mark.slow
def test_a_hundred_thousand_keys_do_not_fill_the_memory():
    seconds, left, growth = _list_many(100_000)
    assert seconds < 2
    assert 98_900 <= left <= 99_000
    assert growth < 20


PAGE = b"<html>Please log in to use the network</html>"


@pytest.mark.parametrize("body", [b"", PAGE])
def test_what_somebody_in_between_answers_is_no_empty_bucket(proxy, bucket, client, body):
    put(client, bucket, "album/a.jpg")
    proxy.answers[f"/{bucket}"] = sends(body, Content_Type="text/html")
    with pytest.raises(SourceError, match="not a listing"):
        list(photos_in_bucket(f"s3://{bucket}/album", proxy.options))


@pytest.mark.parametrize("body", [b"", PAGE])
def test_what_somebody_in_between_answers_is_no_photo(proxy, bucket, client, body):
    put(client, bucket, "album/a.jpg")
    path = f"/{bucket}/album/a.jpg"
    proxy.answers[path] = sends(body, Content_Type="text/html")
    (photo,) = photos_in_bucket(f"s3://{bucket}/album", proxy.options)
    with pytest.raises(FetchError, match="are listed") as caught:
        photo.read()
    assert caught.value.retryable
    proxy.answers[path] = first(1, proxy.answers[path], forwards(s3_server()))
    proxy.requests.clear()
    assert photo.read() == b"album/a.jpg"


def test_a_bucket_without_objects_is_a_listing(proxy, bucket):
    assert list(photos_in_bucket(f"s3://{bucket}/album", proxy.options)) == []
