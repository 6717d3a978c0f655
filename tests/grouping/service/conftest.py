"""Databases and services for the tests of the service."""

from uuid import uuid4

import pytest

from tests.helpers.services import postgres


@pytest.fixture(scope="session")
def postgres_server():
    with postgres.postgres_or_skip() as socket:
        yield socket


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The address of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    return postgres.new_database(request.getfixturevalue("postgres_server"), uuid4().hex)
