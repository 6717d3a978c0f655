"""What the pages for people name is there."""

import argparse
import re

import pytest

from grouping.cli.main import build_parser
from tests.helpers.paths import ROOT

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "checkpoint" / "README.md"]
LINK = re.compile(r"\]\(([^)#]+)\)")
SOURCE_FILE = re.compile(r"(?:grouping|backbone|tests)/[\w/]+\.py")
BENCHMARK = re.compile(r"`(bench_\w+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
# Options of the benchmarks.
OF_OTHERS = {"--largest", "--megapixels", "--memory", "--methods", "--parts", "--per-photo"}
OF_OTHERS |= {
    "--ask",
    "--clients",
    "--half",
    "--read-only",  # of podman
    "--tmpfs",
    "--keep",
    "--minutes",
    "--package",
    "--photos",
    "--requests",
    "--rounds",
    "--side",
    "--speed",
    "--threads",
    "--timed",
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
    files += [f"tests/benchmarks/{name}.py" for name in BENCHMARK.findall(text)]
    assert [path for path in files if not (ROOT / path).exists()] == []


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
