"""The database of the service: SQLite in a file, or PostgreSQL; every process opens it itself."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, insert, make_url, select
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from grouping.errors import ConfigError, ModelError, OutputError
from grouping.service.store.tables import metadata, store_info

VERSION = "1"
BUSY_SECONDS = 30.0  # that a writer waits for another one
READ_ONLY = "grouping_read_only"


class Store:
    """An open database; any thread may use it.

    Args:
        url: ``sqlite:///path`` or ``postgresql+psycopg://user:password@host/name``.

    Raises:
        ConfigError: the address is none.
        ModelError: the driver is not installed.
        OutputError: the database cannot be reached, or is of another version.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        try:
            metadata.create_all(self.engine)
            self._check_version()
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or type(error).__name__)
            raise OutputError(f"the store cannot be opened: {' '.join(reason.split())}") from None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is kept at its end; of SQLite the only one at that time."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that changes nothing."""
        with self.engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            yield connection

    def now(self, connection: Connection) -> float:
        """Seconds since 1970, by the one clock that all processes share."""
        if self.is_sqlite:
            return time.time()
        clock = select(func.extract("epoch", func.clock_timestamp()))
        return float(connection.execute(clock).scalar_one())

    def is_well(self) -> bool:
        """Whether the database answers."""
        try:
            with self.reading() as connection:
                connection.execute(select(store_info.c.value)).first()
        except SQLAlchemyError:
            return False
        return True

    def forget_erased(self) -> None:
        """Have no byte of deleted rows stay in the files of SQLite."""
        if self.is_sqlite:
            with self.engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def belongs_to(self, mark: str, *, has_albums: bool) -> None:
        """Find out whether a data folder goes with this store; the first one does.

        Args:
            mark: tells the folder from others.
            has_albums: whether it holds albums, which a new store would know nothing of.

        Raises:
            ConfigError: it goes with another store.
        """
        if has_albums and self._value("data") is None:
            raise ConfigError(
                "the data folder holds albums of another store; name that one with --database, or "
                "an empty folder with --data"
            )
        if self._once("data", mark) != mark:
            raise ConfigError(
                "the store is of a service with another data folder; services on one store share "
                "the folder, or its file secret.key"
            )

    def _check_version(self) -> None:
        found = self._once("version", VERSION)
        if found != VERSION:
            raise OutputError(
                f"the store is of another version of this program ({found}); name another one"
            )

    def _once(self, name: str, value: str) -> str:
        """Return what is kept under a name; the value where nothing was."""
        with suppress(IntegrityError), self.writing() as connection:
            if connection.execute(_info(name)).first() is None:
                connection.execute(insert(store_info).values(name=name, value=value))
        return self._value(name) or value

    def _value(self, name: str) -> str | None:
        with self.reading() as connection:
            found: str | None = connection.execute(_info(name)).scalar()
        return found


def _info(name: str) -> Any:
    return select(store_info.c.value).where(store_info.c.name == name)


def _engine(url: str) -> Engine:
    try:
        place = make_url(url)
    except ArgumentError:
        raise ConfigError(
            "the database is no address; e.g. postgresql+psycopg://user@host/name"
        ) from None
    if place.get_backend_name() == "sqlite":
        return _sqlite(place.database)
    try:
        return create_engine(place, pool_pre_ping=True, pool_size=10, max_overflow=20)
    except (NoSuchModuleError, ImportError):
        raise ModelError(
            f"the database needs the driver of {place.drivername}; "
            "pip install '.[service-postgres]' has psycopg"
        ) from None


def _sqlite(path: str | None) -> Engine:
    """SQLite in a file for its owner alone; deleted rows are overwritten."""
    if not path or path == ":memory:":
        raise ConfigError("the database must be a file, which several connections open")
    try:
        handle = os.open(Path(path), os.O_RDWR | os.O_CREAT, 0o600)
        os.close(handle)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from None
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: object) -> None:
    """Leave transactions to us; the driver would begin them late."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Take the lock of writers at the start, so that what was read before stays true."""
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
