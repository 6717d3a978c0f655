"""Options of ``serve`` as settings of the service."""

import pytest

from grouping.cli.commands.serve import settings_from
from grouping.cli.main import build_parser

pytest.importorskip("fastapi", reason="the extra 'service' is not installed")


def settings(tmp_path, *words, command="serve"):
    words = [*command.split(), "--data", str(tmp_path), *words]
    return settings_from(build_parser().parse_args(words))


def test_how_photos_are_fetched_is_told_as_elsewhere(tmp_path):
    found = settings(
        tmp_path,
        *("--allow-host", "10.0.0.0/8", "--allow-host", "nas.local", "--s3-bucket", "photos"),
        *("--s3-endpoint-url", "http://nas:9000", "--s3-region", "here", "--s3-profile", "me"),
        *("--s3-requester-pays", "--s3-anonymous", "--proxy", "10.1.0.0/16"),
    )
    assert found.allowed_hosts == ("10.0.0.0/8", "nas.local")
    s3 = found.s3_options
    assert (s3.endpoint_url, s3.region, s3.profile) == ("http://nas:9000", "here", "me")
    assert (s3.requester_pays, s3.anonymous, s3.buckets) == (True, True, ("photos",))
    assert found.proxies == ("10.1.0.0/16",)
    assert found.sources.http.https_only


@pytest.mark.parametrize("command", ["serve", "keys list"])
def test_without_options_nobody_and_nothing_is_named(tmp_path, command):
    found = settings(tmp_path, command=command)
    assert (found.allowed_hosts, found.buckets) == ((), ())
    assert found.proxies == ("127.0.0.1", "::1")
