"""The container files: checked by linters, since no engine builds them here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from grouping.cli.main import build_parser
from tests.helpers.paths import ROOT

FOLDER = ROOT / "docs" / "container"
CONTAINERFILE = FOLDER / "Containerfile"
COMPOSE = FOLDER / "compose.yaml"
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which(
    "hadolint"
)


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(COMPOSE.read_text())


def last_stage() -> str:
    return CONTAINERFILE.read_text().rpartition("\nFROM ")[2]


@pytest.mark.skipif(not HADOLINT, reason="hadolint is not installed")
def test_hadolint_finds_nothing_in_the_containerfile():
    checked = subprocess.run([HADOLINT, CONTAINERFILE], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.skipif(not HADOLINT, reason="hadolint is not installed")
def test_hadolint_would_find_something(tmp_path):
    (tmp_path / "Containerfile").write_text("FROM python\nRUN cd /x && pip install y\n")
    assert subprocess.run([HADOLINT, tmp_path / "Containerfile"], capture_output=True).returncode


def test_the_compose_file_is_one_of_the_specification():
    compose_spec = pytest.importorskip("compose_spec")
    compose_spec.PyCompose.from_yaml(COMPOSE.read_text()).validate()
    broken = COMPOSE.read_text().replace("read_only: true", "read_only: perhaps")
    with pytest.raises(ValueError, match=r"read_only|bool"):
        compose_spec.PyCompose.from_yaml(broken).validate()


def test_the_image_runs_as_nobody_special_and_writes_to_its_data_alone(compose):
    assert re.search(r"^USER 10001:10001$", last_stage(), re.MULTILINE)
    assert "HEALTHCHECK" in last_stage()
    assert not re.search(r"^(ADD|ENV .*(PASSWORD|SECRET))", last_stage(), re.MULTILINE)
    service = compose["services"]["service"]
    assert service["read_only"] is True
    assert service["user"] == "10001:10001"
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["data:/data"]
    assert [place.partition(":")[0] for place in service["tmpfs"]] == ["/tmp"]


def test_what_the_service_writes_by_default_lies_in_the_data_or_tmp():
    told = dict(re.findall(r"^\s*(?:ENV )?([A-Z_]+)=(\S+)", last_stage(), re.MULTILINE))
    for name in ("HOME", "MPLCONFIGDIR", "FACE_GROUPING_CACHE"):
        assert told[name].startswith(("/tmp", "/data")), name


def test_nothing_is_open_to_others_and_no_password_is_written_down(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:8000:8000"]
    text = COMPOSE.read_text()
    assert re.findall(r"(?:PASSWORD|SECRET\w*): (?!\$\{\w+:\?)", text) == []
    assert ":latest" not in re.sub(r"photo-albums:latest", "", text)


def test_the_commands_of_the_files_are_those_of_the_program(compose):
    listed = compose["services"]["service"]["command"]
    build_parser().parse_args(listed)
    command = re.search(r"^CMD (\[.*\])$", last_stage(), re.MULTILINE)[1]
    build_parser().parse_args(yaml.safe_load(command))


def test_the_build_has_all_it_copies():
    """The folder of the build is the clone but for what the ignore file leaves out."""
    lines = (FOLDER / "Containerfile.dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    kept = [line[1:] for line in lines if line.startswith("!")]
    assert [path for path in kept if not (ROOT / path).exists()] == []
    for needed in ("requirements.txt", "pyproject.toml", "README.md", "grouping", "checkpoint"):
        assert needed in kept


def test_the_slim_script_is_one_that_a_shell_reads():
    assert subprocess.run(["sh", "-n", FOLDER / "slim.sh"]).returncode == 0
