"""The proxy of docs/service-operation.md: nginx takes it, and it hands on what it should."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from grouping.service.app import create_app
from grouping.service.settings import ServiceSettings
from tests.helpers.paths import ROOT
from tests.helpers.services.serving import client_of, multipart, serving
from tests.helpers.services.tls import tls_server

NAME = "photos.example.org"
PAGE = ROOT / "docs" / "service-operation.md"
LARGE = 3_000_000  # bytes; nginx keeps 16 kB of a body in memory, and 4 kB or 8 kB of an answer

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def configured(folder, port, upstream):
    """The block of the page with places of the test's own, in a whole configuration."""
    (block,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    tls_server(folder, NAME)[0].server_close()  # for the certificate that it makes
    for said, here in (
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("http://127.0.0.1:8000", upstream),
        (f"/etc/ssl/{NAME}.pem", str(folder / "cert.pem")),
        (f"/etc/ssl/{NAME}.key", str(folder / "key.pem")),
    ):
        assert said in block
        block = block.replace(said, here)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.getuid() == 0 else ""
    path = folder / "nginx.conf"
    path.write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/log;\n"
        f"events {{}}\nhttp {{\n{places}{block}\n}}\n"
    )
    return ["nginx", "-c", str(path), "-p", str(folder), "-e", str(folder / "log")]


@contextmanager
def running(command, port):
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < until
                assert process.poll() is None
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def asked(port, path, key="", body=None, headers=None):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", body, headers or {})
    request.add_header("Host", NAME)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_example_is_one_that_nginx_takes(tmp_path):
    command = configured(tmp_path, free_port(), "http://127.0.0.1:8000")
    found = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


def test_what_it_hands_on_and_what_it_keeps(tmp_path):
    port, folder = free_port(), tmp_path / "nginx"
    folder.mkdir()
    settings = ServiceSettings(tmp_path / "data", jobs_at_once=0, refusals_a_minute=3)
    app = create_app(settings)
    with serving(app) as url, running(configured(folder, port, url), port):
        key = client_of(app, url).key
        album = "/v1/albums/" + "a" * 22
        assert asked(port, album, key)[0] == 404
        assert asked(port, "/metrics")[0] == asked(port, "/readyz")[0] == 404
        assert b"nginx" in asked(port, "/metrics")[1]
        kind, body = multipart(("photos", bytes(LARGE)))
        status, answer = asked(port, "/v1/albums", key, body, {"Content-Type": kind})
        assert status == 202, answer
        kept = [path for path in folder.rglob("*") if path.is_file()]
        assert max(path.stat().st_size for path in kept) < 100_000  # configuration, log, key
        link = {"Content-Type": "application/json"}
        status, answer = asked(port, album + "/guest-links", key, b"{}", link)
        assert status == 404  # of the service: the album is not there
        # The caller is who nginx says, not who the caller says.
        said = [{"X-Forwarded-For": f"198.51.100.{number}"} for number in range(5)]
        found = [asked(port, album, headers=headers)[0] for headers in said]
        assert found == [401] * 3 + [429] * 2
        assert json.loads(asked(port, album)[1])["error"]["code"] == "too_many_requests"
