"""What the pages for people name is there."""

import argparse
import re
import subprocess
import sys

import pytest

from grouping.cli.main import build_parser
from tests.benchmarks.__main__ import FOLDER, listed, programs
from tests.helpers.paths import ROOT

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "checkpoint" / "README.md"]
LINK = re.compile(r"\]\(([^)#]+)\)")
SOURCE_FILE = re.compile(r"(?:grouping|backbone|tests)/[\w/]+\.py")
BENCHMARK = re.compile(r"(?:`|python -m tests\.benchmarks )(bench_\w+|scale_c\w+|scale_model\b)")
COMMAND = re.compile(r"python -m\s+tests\.benchmarks([ .]\w+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
# Options of the benchmarks.
OF_OTHERS = {
    "--faces",
    "--largest",
    "--megapixels",
    "--memory",
    "--methods",
    "--parts",
    "--per-photo",
}
OF_OTHERS |= {
    "--ask",
    "--clients",
    "--half",
    "--head",  # of ray start
    "--ray-client-server-port",
    "--read-only",  # of podman
    "--tmpfs",
    "--keep",
    "--kinds",
    "--minutes",
    "--nodes",
    "--package",
    "--photos",
    "--random-ir50",
    "--seeds",
    "--requests",
    "--rounds",
    "--side",
    "--seconds",
    "--speed",
    "--store",
    "--before",
    "--only",
    "--web",
    "--camera",
    "--networks",
    "--threads",
    "--timed",
    "--write",
}


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def page(request):
    return request.param


def test_links_lead_somewhere(page):
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_files_and_benchmarks_exist(page):
    text = page.read_text()
    files = SOURCE_FILE.findall(text)
    assert [path for path in files if not (ROOT / path).exists()] == []
    assert set(BENCHMARK.findall(text)) <= set(programs())


def test_commands_that_measure_are_there():
    files = [*PAGES, ROOT / "Makefile", *FOLDER.rglob("*.py"), *(ROOT / "grouping").rglob("*.py")]
    named = {name for file in files for name in COMMAND.findall(file.read_text())}
    assert named - {" NAME"} == {f" {name}" for name in programs()}


def test_the_list_of_what_measures_has_a_line_for_each():
    lines = [line.split(maxsplit=1) for line in listed().splitlines() if line.startswith("  ")]
    assert [name for name, _ in lines] == sorted(programs(), key=lambda n: programs()[n])
    assert all(answer.endswith((".", "?")) for _, answer in lines)


def test_a_benchmark_is_run_by_its_name():
    program = [sys.executable, "-m", "tests.benchmarks"]
    answer = subprocess.run([*program, "bench_image", "--help"], cwd=ROOT, capture_output=True)
    assert answer.returncode == 0
    assert b"bench_image" in answer.stdout
    answer = subprocess.run([*program, "bench_nothing"], cwd=ROOT, capture_output=True)
    assert answer.returncode == 1
    assert answer.stderr == b"no benchmark bench_nothing; `python -m tests.benchmarks` lists them\n"


def all_help() -> str:
    """The help of the program and of each command."""
    parser = build_parser()
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return "\n".join(p.format_help() for p in (parser, *commands.choices.values()))


def test_options_exist(page):
    options = set(OPTION.findall(page.read_text())) - OF_OTHERS
    known = all_help()
    assert sorted(option for option in options if option not in known) == []


PROMISES = {
    "README.md": r"## What it promises\n(.*?)\n## ",
    "SECURITY.md": r"(\n- \*\*.*)\n\n",
    "CONTRIBUTING.md": r"## Four rules of robustness\n(.*?)\n\nA promise",
}
ROW = re.compile(r"^(?:\| (?!promise|---)|- \*\*|\d\. )", re.MULTILINE)


@pytest.mark.parametrize("name", PROMISES)
def test_each_promise_names_tests_that_are_there(name):
    part = re.search(PROMISES[name], (ROOT / name).read_text(), re.DOTALL)[1]
    rows = ROW.split(part)[1:]
    assert len(rows) >= 4
    for row in rows:
        named = re.findall(r"`(tests/[\w/.]+)`", row)
        assert named, row
        for path in named:
            files = [ROOT / path] if path.endswith(".py") else [*(ROOT / path).glob("test_*.py")]
            assert files, path
            assert all("def test_" in file.read_text() for file in files), path
