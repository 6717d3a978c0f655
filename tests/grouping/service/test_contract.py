"""The OpenAPI document, and schemathesis over it: no 5xx, no answer that breaks the schema."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grouping.service.app import create_app
from grouping.service.settings import ServiceSettings
from tests.helpers.services.albums import grouped
from tests.helpers.services.serving import client_of, serving

# Checks of schemathesis: what the schema cannot say (a photo without a face, a bucket that the
# service does not name) makes a request of the right form fail with 422.
NEGATIVE = "negative_data_rejection"
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance", "unsupported_method"),
    NEGATIVE,
)
# Where a wrong request cannot be told from a right one: a part of a form is bytes, whatever type
# was meant; and of an address whose id is replaced by that of the album nothing wrong is left.
NOT_TOLD_APART = (
    *("POST /v1/verify", "POST /v1/represent", "POST /v1/extract"),
    *("POST /v1/albums/{id}/find", "POST /v1/albums/{id}/me/find"),
    "GET /v1/albums/{id}/page/photos/{photo}",
)
MANY = {"requests_a_minute": 10_000_000, "refusals_a_minute": 10_000_000}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    data = tmp_path_factory.mktemp("service") / "data"
    app = create_app(ServiceSettings(data, **MANY, queue_length=5))
    with serving(app) as url:
        client = client_of(app, url)
        yield client, grouped(client)


def program():
    beside = Path(sys.executable).with_name("schemathesis")
    return str(beside) if beside.exists() else shutil.which("schemathesis")


def checked(service, folder, *options):
    client, album = service
    if program() is None:
        pytest.skip("schemathesis is not installed")
    group = client.get(f"/v1/albums/{album['id']}/groups").json["groups"][0]["group_id"]
    # Here and not as an option, which would win over what single operations say.
    judged = "[checks]\nenabled = false\n" + "".join(f"{c}.enabled = true\n" for c in CHECKS)
    unjudged = "".join(
        f'[[operations]]\ninclude-name = "{name}"\nchecks.{NEGATIVE}.enabled = false\n'
        for name in NOT_TOLD_APART
    )
    (folder / "schemathesis.toml").write_text(
        f'{judged}[parameters]\n"path.id" = "{album["id"]}"\n"path.group_id" = "{group}"\n'
        '[[operations]]\ninclude-name = "DELETE /v1/albums/{id}"\n'
        'parameters = { "path.id" = "aaaaaaaaaaaaaaaaaaaaaa" }\n' + unjudged
    )
    key = f"Authorization: Bearer {client.key}"
    command = [program(), "--config-file", str(folder / "schemathesis.toml"), "run"]
    command += [client.url + "/openapi.json", "-H", key, "--no-color"]
    process = subprocess.run([*command, *options], capture_output=True, text=True, cwd=folder)
    assert process.returncode == 0, process.stdout[-6000:]
    assert client.get(f"/v1/albums/{album['id']}").status == 200


def test_the_description_has_examples_and_the_one_form_of_errors(service):
    client, _ = service
    document = client.get("/openapi.json").json
    assert document["info"]["title"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            for status, answer in operation["responses"].items():
                page = "text/html" in answer.get("content", {})  # says it in words
                if path.startswith("/v1") and int(status) >= 400 and not page:
                    (content,) = answer["content"].values()
                    assert content["schema"] == {"$ref": "#/components/schemas/ErrorAnswer"}
    assert "HTTPValidationError" not in json.dumps(document)
    body = document["paths"]["/v1/albums"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", "multipart/form-data"}
    assert body["application/json"]["example"]["photos"]


@pytest.mark.slow
def test_answers_keep_to_the_description(service, tmp_path):
    checked(service, tmp_path, "--max-examples", "20", "--request-timeout", "120")
