import os
import stat

import pytest
from sqlalchemy import insert, select

from grouping.errors import ConfigError, ModelError, OutputError
from grouping.service.store.store import Store
from grouping.service.store.tables import api_keys, store_info

KEY = {"id": "k", "name": "n", "scopes": "read", "digest": "d" * 64, "created": 1.0}


def test_a_store_is_made_once_and_opened_again(database):
    first = Store(database)
    with first.writing() as connection:
        connection.execute(insert(api_keys).values(KEY))
    first.close()
    again = Store(database)
    with again.reading() as connection:
        assert connection.execute(select(api_keys.c.name)).scalar_one() == "n"
    assert again.is_well()


def test_what_fails_within_a_transaction_changes_nothing(database):
    store = Store(database)

    def work():
        with store.writing() as connection:
            connection.execute(insert(api_keys).values(KEY))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    with store.reading() as connection:
        assert connection.execute(select(api_keys)).all() == []


def test_a_store_of_another_version_is_refused(database):
    store = Store(database)
    with store.writing() as connection:
        connection.execute(store_info.update().values(value="0"))
    with pytest.raises(OutputError, match="another version"):
        Store(database)


def test_a_store_goes_with_one_data_folder(database):
    store = Store(database)
    store.belongs_to("a", has_albums=False)
    store.belongs_to("a", has_albums=True)
    with pytest.raises(ConfigError, match="another data folder"):
        store.belongs_to("b", has_albums=True)


def test_a_new_store_is_refused_where_there_are_albums_that_it_would_take_for_left_overs(database):
    with pytest.raises(ConfigError, match="albums of another store"):
        Store(database).belongs_to("a", has_albums=True)


def test_files_of_sqlite_are_their_owners_alone(tmp_path):
    before = os.umask(0)
    try:
        store = Store(f"sqlite:///{tmp_path / 's.sqlite'}")
        with store.writing() as connection:
            connection.execute(insert(api_keys).values(KEY))
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == {0o600}


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("nonsense", ConfigError, "no address"),
        ("sqlite://", ConfigError, "must be a file"),
        ("sqlite:////nowhere/at/all.sqlite", OutputError, "cannot be written"),
        ("postgresql+nodriver://x/y", ModelError, "driver"),
        ("postgresql+psycopg://nobody:secret@/none?host=/nowhere", OutputError, "cannot be opened"),
    ],
)
def test_addresses_that_are_of_no_use_end_in_one_line_without_the_password(url, error, words):
    with pytest.raises(error, match=words) as caught:
        Store(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
