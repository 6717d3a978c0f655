"""Redirects name neither scheme nor host, which a service behind a proxy may not know."""

from urllib.parse import urljoin

import pytest

from grouping.service.app import create_app
from grouping.service.settings import ServiceSettings
from tests.helpers.services.serving import Client, serving

ALBUM = "/v1/albums/" + "a" * 22


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    app = create_app(ServiceSettings(tmp_path_factory.mktemp("data"), jobs_at_once=0))
    with serving(app) as url:
        yield Client(url)


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        (f"{ALBUM}/page?t=abc.d%2Fe", f"{ALBUM}/page/?t=abc.d%2Fe"),
        (f"{ALBUM}/page", f"{ALBUM}/page/"),
        (f"{ALBUM}/me/?t=abc", f"{ALBUM}/me?t=abc"),
        ("/v1/albums/", "/v1/albums"),
        ("/v1/albums/?limit=1", "/v1/albums?limit=1"),
        (f"{ALBUM}/people/a%3Ab/", f"{ALBUM}/people/a%3Ab"),
    ],
)
def test_a_slash_too_few_or_too_many_leads_to_where_it_is_right(client, asked, led):
    answer = client.ask("GET", asked, headers={"Host": "photos.example.org"})
    place = answer.headers["Location"]
    assert answer.status == 307
    assert "://" not in place
    assert not place.startswith("/")
    # Whatever the proxy took off before the path stays.
    for base in ("https://photos.example.org", "https://photos.example.org/faces"):
        assert urljoin(base + asked, place) == base + led
