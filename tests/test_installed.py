"""The wheel: everything that an installed copy needs, and nothing else."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.helpers.paths import PHOTOS, ROOT

BUNDLED = ("mobilefacenet_arcface_512.pth", "README.md")  # the network, its origin and licence
OF_A_BUILD = ("pyproject.toml", "requirements.txt", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of this tree, in whose checkpoint/ somebody has put weights of their own."""
    pytest.importorskip("setuptools", "77", reason="builds a wheel")
    tree = tmp_path_factory.mktemp("tree")
    for name in OF_A_BUILD:
        shutil.copy(ROOT / name, tree)
    for name in ("grouping", "backbone"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "checkpoint").mkdir()
    for name in BUNDLED:
        shutil.copy(ROOT / "checkpoint" / name, tree / "checkpoint")
    (tree / "checkpoint" / "mine.pth").write_bytes(b"not to be handed on")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*command, "-w", tree / "wheels", tree], check=True, capture_output=True)
    (built,) = (tree / "wheels").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    """What pip would put into site-packages."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def files_below(folder):
    return {
        str(path.relative_to(folder))
        for name in ("grouping", "backbone")
        for path in (folder / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_all_files_and_the_bundled_network(unpacked):
    bundled = "backbone/weights/bundled"
    assert files_below(unpacked) == files_below(ROOT) | {f"{bundled}/{name}" for name in BUNDLED}
    for name in BUNDLED:
        there = (unpacked / bundled / name).read_bytes()
        assert there == (ROOT / "checkpoint" / name).read_bytes()


def test_the_metadata_names_dependencies_and_the_command(unpacked):
    (info,) = unpacked.glob("*.dist-info")
    metadata = (info / "METADATA").read_text()
    wanted = [
        line.split(">")[0].split("=")[0]
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert len(wanted) > 10
    assert [name for name in wanted if f"Requires-Dist: {name}" not in metadata] == []
    assert "group-faces = grouping.cli.main:main" in (info / "entry_points.txt").read_text()
    assert {path.name for path in unpacked.iterdir()} == {"grouping", "backbone", info.name}


@pytest.mark.slow
def test_an_installed_copy_groups_photos_from_another_folder(unpacked, tmp_path):
    code = "import sys; from grouping.cli.main import main; sys.exit(main())"
    subprocess.run(
        [sys.executable, "-c", code, str(PHOTOS), "--out", "out"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        check=True,
        timeout=170,
    )
    assert (tmp_path / "out" / "index.html").exists()
