"""How large the container image is, where no engine builds it: what it holds is put together here.

    python -m tests.benchmarks bench_image

The packages that the image installs are copied from the running environment into a new one, made
slim by the script of the image, and used for a whole run and the start of the service. Their size
is measured; that of the base image cannot be, and is assumed. Wants torch for CPUs, as the image.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.helpers.paths import PHOTOS, ROOT

BASE = 155_000_000  # python:3.11-slim-bookworm; 125 to 150 MB as published
MOST = 1_200_000_000
EXTRAS = ("service", "service-postgres")
WORK = """
import sys
from grouping.cli.main import main
code = main(["group", *sys.argv[1:], "--workers", "0"])
import grouping.service.app, psycopg, uvicorn
raise SystemExit(code)
"""


def closure(requirements: Iterable[str]) -> list[Distribution]:
    """What pip installs for some requirements, as it is installed here."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        found[name] = distribution(name)
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(Requirement(t), wanted) for t in found[name].requires or ()]
    return [*found.values()]


def requirements() -> list[str]:
    """Those of the image."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    base = [text for line in lines if (text := line.partition("#")[0].strip())]
    return base + [text for extra in EXTRAS for text in extras[extra]]


def copied(site: Path) -> None:
    """Copy the packages, without bytecode, into a new environment."""
    for package in closure(requirements()):
        for file in package.files or ():
            source, target = Path(str(package.locate_file(file))), site / str(file)
            inside = ".." not in file.parts and file.suffix != ".pyc"
            if inside and source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
    run = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile"]
    subprocess.run([*run, "--no-build-isolation", "--target", site, ROOT], check=True)


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def main() -> int:
    """Put it together, use it, measure it."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "venv"
        venv.create(home, symlinks=True)
        (site,) = home.glob("lib/python3.*/site-packages")
        copied(site)
        print(f"installed       {size(home) / 1e6:6.0f} MB without bytecode")
        subprocess.run(["sh", ROOT / "docs/container/slim.sh", home], check=True)
        print(f"slim            {size(home) / 1e6:6.0f} MB")
        python = str(home / "bin" / "python")
        run = [python, "-I", "-c", WORK, str(PHOTOS), "--out", f"{folder}/out"]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        total = size(home)
        print(f"with bytecode   {total / 1e6:6.0f} MB of what a run and the service load")
    print(
        f"with the base   {(total + BASE) / 1e6:6.0f} MB (base image assumed {BASE / 1e6:.0f} MB)"
    )
    return 0 if total + BASE <= MOST else 1


if __name__ == "__main__":
    raise SystemExit(main())
