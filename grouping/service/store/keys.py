"""API keys in the store; see :mod:`grouping.service.safety.api_keys`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from grouping.service.safety.api_keys import ApiKey, Scope
from grouping.service.store.remembered import Remembered
from grouping.service.store.store import Store
from grouping.service.store.tables import api_keys


class ApiKeyStore:
    """The keys that may call; a ``KeyStore`` of :mod:`grouping.service.safety.api_keys`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_key(self, key: ApiKey) -> None:
        """Keep a new one."""
        values: dict[str, Any] = {"id": key.id, "name": key.name, "digest": key.digest}
        values |= {"scopes": " ".join(sorted(key.scopes)), "created": key.created.timestamp()}
        with self._store.writing() as connection:
            connection.execute(insert(api_keys).values(values))

    def key(self, id: str) -> ApiKey | None:
        """Return the one of that id, None without one."""
        with self._store.reading() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == id)).first()
        return None if row is None else _key(row)

    def keys(self) -> Sequence[ApiKey]:
        """Return all of them, the oldest first, those revoked as well."""
        with self._store.reading() as connection:
            rows = connection.execute(select(api_keys).order_by(api_keys.c.created)).all()
        return [_key(row) for row in rows]

    def revoke_key(self, id: str, when: datetime) -> bool:
        """Make one useless for good; False where there is none of that id."""
        query = update(api_keys).where(api_keys.c.id == id, api_keys.c.revoked.is_(None))
        with self._store.writing() as connection:
            done = connection.execute(query.values(revoked=when.timestamp())).rowcount
        return bool(done) or self.key(id) is not None


class ListedKeys:
    """The keys as they all were a second ago at most; asking for one costs no look-up."""

    def __init__(self, keys: ApiKeyStore) -> None:
        listed = keys.keys
        self._listed = Remembered(lambda: {key.id: key for key in listed()})

    def key(self, id: str) -> ApiKey | None:
        """Return the one of that id, None without one."""
        return self._listed().get(id)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        row.id,
        row.name,
        frozenset(map(Scope, row.scopes.split())),
        row.digest,
        datetime.fromtimestamp(row.created, UTC),
        None if row.revoked is None else datetime.fromtimestamp(row.revoked, UTC),
    )
