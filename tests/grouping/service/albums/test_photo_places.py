"""Photos by https from a server with TLS of its own, and from S3; what may not be asked is not."""

import json

import boto3
import pytest

from grouping.service.app import create_app
from grouping.service.settings import ServiceSettings
from grouping.storage.s3.client import S3Options
from tests.helpers.paths import PHOTOS
from tests.helpers.services.albums import ended
from tests.helpers.services.servers import redirects, s3_server, sends
from tests.helpers.services.serving import client_of, serving
from tests.helpers.services.tls import tls_server

FILES = sorted(PHOTOS.glob("*president*.jpg"))


def posted(client, body):
    answer = client.post_json("/v1/albums", {**body, "settings": {"min_photos": 1}})
    assert answer.status == 202, answer.body
    return ended(client, answer.json["id"])


def people(client, album):
    groups = client.get(f"/v1/albums/{album['id']}/groups").json["groups"]
    return sorted(len(group["image_ids"]) for group in groups)


def test_photos_come_by_https_and_from_no_other_place(tmp_path):
    server, _ = tls_server(tmp_path, "localhost")
    with server:
        for path in FILES:
            server.answers[f"/{path.name}"] = sends(path.read_bytes())
        metadata = "https://169.254.169.254/latest/meta-data/"
        server.answers["/metadata"] = redirects(metadata)
        server.answers["/plain"] = redirects(server.url("/x", host="localhost"))  # http://
        settings = ServiceSettings(
            tmp_path / "data", allowed_hosts=("localhost",), ca_file=str(tmp_path / "cert.pem")
        )
        urls = {path.name: f"/{path.name}" for path in FILES}
        urls |= {name: f"/{name}" for name in ("metadata", "plain")}
        photos = [
            {"id": name, "url": https_url(server, path) + "?signature=hush"}
            for name, path in urls.items()
        ]
        photos += [{"id": "router", "url": "https://192.168.0.1/"}, {"id": "meta", "url": metadata}]
        photos += [
            {"id": "me", "url": "https://127.0.0.1:1/"},
            {"id": "v6", "url": "https://[::1]/"},
        ]
        app = create_app(settings)
        with serving(app) as url:
            client = client_of(app, url)
            album = posted(client, {"photos": photos})
            images = client.get(f"/v1/albums/{album['id']}/images").json["images"]
    errors = {image["id"]: image["error"] for image in images}
    refused = ("metadata", "plain", "router", "meta", "me", "v6")
    assert all("refused" in errors[name] for name in refused), errors
    assert "only https" in errors["plain"]
    assert [errors[path.name] for path in FILES] == [None] * len(FILES)
    assert server.requests["/x"] == 0
    assert "hush" not in json.dumps([album, images])


def https_url(server, path):
    return server.url(path, host="localhost", scheme="https")


@pytest.mark.usefixtures("s3_credentials")
def test_a_prefix_in_s3_is_grouped_and_results_are_brought_there_and_erased(tmp_path):
    client_s3 = boto3.client("s3", endpoint_url=s3_server(), region_name="us-east-1")
    client_s3.create_bucket(Bucket="service-photos")
    for path in FILES:
        client_s3.put_object(
            Bucket="service-photos", Key=f"party/{path.name}", Body=path.read_bytes()
        )
    client_s3.put_object(Bucket="service-photos", Key="private/x.jpg", Body=b"x")
    settings = ServiceSettings(
        tmp_path / "data",
        buckets=("service-photos",),
        results="s3://service-photos/results/of",
        s3=S3Options(endpoint_url=s3_server(), region="us-east-1"),
    )

    def keys():
        listed = client_s3.list_objects_v2(Bucket="service-photos").get("Contents", [])
        return {found["Key"] for found in listed}

    before = keys()
    app = create_app(settings)
    with serving(app) as url:
        client = client_of(app, url)
        album = posted(client, {"prefix": "s3://service-photos/party"})
        assert album["counts"]["photos"] == len(FILES)
        assert people(client, album) == [2, 4]
        one = {"id": 1, "url": f"s3://service-photos/party/{FILES[0].name}"}
        assert posted(client, {"photos": [one]})["counts"]["faces"] == 1
        place = f"results/of/{album['id']}/"
        made = {key.removeprefix(place) for key in keys() if key.startswith(place)}
        assert {"groups.json", "index.html", "faces.csv"} <= made
        assert "cache.sqlite" not in made
        local = tmp_path / "data" / "albums" / album["id"] / "groups.json"
        stored = client_s3.get_object(Bucket="service-photos", Key=place + "groups.json")
        assert stored["Body"].read() == local.read_bytes()
        assert client.ask("DELETE", f"/v1/albums/{album['id']}").status == 204
        assert not [key for key in keys() if album["id"] in key]
        assert before <= keys()


def test_a_prefix_that_cannot_be_listed_fails_with_a_reason(tmp_path):
    settings = ServiceSettings(
        tmp_path / "data",
        buckets=("nowhere",),
        s3=S3Options(endpoint_url="http://127.0.0.1:1", anonymous=True, attempts=1),
    )
    app = create_app(settings)
    with serving(app) as url:
        client = client_of(app, url)
        album = posted(client, {"prefix": "s3://nowhere/x"})
    assert album["state"] == "failed"
    assert "cannot be listed" in album["error"]
    assert str(tmp_path) not in album["error"]
