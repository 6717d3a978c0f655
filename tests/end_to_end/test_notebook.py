"""The notebook about the service runs, and what it shows is what comes out."""

import json

import pytest

from tests.helpers.notebooks import run_cells
from tests.helpers.paths import ROOT
from tests.helpers.services.served_album import running_service

NOTEBOOK = ROOT / "docs" / "api.ipynb"


@pytest.fixture
def notebook():
    return json.loads(NOTEBOOK.read_text("utf-8"))


def test_every_cell_runs_against_a_real_service(notebook, tmp_path, monkeypatch):
    with running_service(tmp_path / "data") as service:
        monkeypatch.chdir(NOTEBOOK.parent)
        monkeypatch.setenv("SERVICE_URL", service.url)
        key = service.key()["Authorization"].removeprefix("Bearer ")
        monkeypatch.setenv("SERVICE_KEY", key)
        ran = 0
        for cell, outputs in run_cells(notebook):
            assert outputs == cell["outputs"], "".join(cell["source"])
            ran += 1
    assert ran >= 10


def test_it_is_a_notebook(notebook):
    """As nbformat 4.5 has it: https://nbformat.readthedocs.io."""
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))
    for cell in notebook["cells"]:
        wanted = {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            wanted |= {"execution_count", "outputs"}
        assert set(cell) == wanted
        assert "".join(cell["source"]).strip()


def test_it_holds_no_key(notebook):
    assert "fg_" not in NOTEBOOK.read_text().replace("fg_...", "")
