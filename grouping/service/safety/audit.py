"""Who did what when, as JSON lines that hold no personal data.

A line has ids that the service made up, counts and a status: no names, no names of files, no
addresses of photos, no vectors. Of the address of a caller it has a keyed hash that changes every
day: lines of one caller and day can be told, but not who it was, nor the same one tomorrow.

    {"at": "2026-11-27T07:31:02.123Z", "action": "find", "status": 200, "key": "9f86d081884c7d65",
     "album": "Zk3...", "request": "1f0c...", "caller": "5d41402abc4b", "photos": 12}
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from grouping.service.safety.secret_file import derived_secret

log = logging.getLogger(__name__)

# Ids that the service made, or in the form of such: nobody's name looks like them.
KEY_PATTERN = re.compile(r"[A-Za-z0-9_-]{16}")  # of API keys and of links
ALBUM_PATTERN = re.compile(r"[A-Za-z0-9_-]{22}")
REQUEST_PATTERN = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}")
WORD_PATTERN = re.compile(r"[a-z][a-z_.]{0,39}")
FILE_PATTERN = re.compile(r"audit-(\d{4}-\d{2}-\d{2})\.jsonl")
CALLER_LETTERS = 12
KEEP_DAYS = 90


class AuditLog:
    """A file a day in one folder; any thread, and several processes, may write.

    Args:
        folder: of the files, made where it is not there.
        secret: for the hash of addresses, at least 32 bytes.
        now: the time, with its zone.
        keep_days: files of earlier days are deleted with the first line of a day.
    """

    def __init__(
        self,
        folder: Path,
        secret: bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        keep_days: int = KEEP_DAYS,
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._now, self._keep_days = folder, now, keep_days
        self._day: date | None = None
        self._secret = derived_secret(secret, "audit")

    def write(
        self,
        action: str,
        status: int,
        *,
        key: str | None = None,
        album: str | None = None,
        request: str | None = None,
        caller: str | None = None,
        **counts: int,
    ) -> None:
        """Write one line; what does not look like an id is left out.

        Args:
            action: a word, as ``"find"`` or ``"album.delete"``.
            status: of the answer.
            key: id of the API key or of the link.
            album: its id.
            request: its id.
            caller: network address, of which the hash is written.
            **counts: numbers.

        Raises:
            ValueError: the action is no word, or a count no whole number.
        """
        if not WORD_PATTERN.fullmatch(action):
            raise ValueError(f"an action must be a word, got {action!r}")
        if not all(type(value) is int for value in counts.values()):
            raise ValueError("counts must be whole numbers")
        now = self._now().astimezone(UTC)
        ids = (
            ("key", key, KEY_PATTERN),
            ("album", album, ALBUM_PATTERN),
            ("request", request, REQUEST_PATTERN),
        )
        known = {name: id for name, id, form in ids if id and form.fullmatch(id)}
        line = {
            "at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "action": action,
            "status": status,
            **known,
            **({} if caller is None else {"caller": self._hash(caller, now.date())}),
            **counts,
        }
        self._append(now.date(), json.dumps(line) + "\n")

    def forget_before(self, day: date) -> int:
        """Delete the files of earlier days, and return how many there were."""
        old = [
            path
            for path in self._folder.iterdir()
            if (found := FILE_PATTERN.fullmatch(path.name)) and found[1] < day.isoformat()
        ]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _append(self, day: date, line: str) -> None:
        """One write of one line to the end, so that lines of several processes stay whole."""
        path = self._folder / f"audit-{day.isoformat()}.jsonl"
        try:
            if day != self._day:
                self._day = day
                self.forget_before(day - timedelta(days=self._keep_days))
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(handle, line.encode())
            finally:
                os.close(handle)
        except OSError as error:
            log.error("the audit log cannot be written: %s", error.strerror)

    def _hash(self, caller: str, day: date) -> str:
        text = f"{day.isoformat()}\n{caller}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()[:CALLER_LETTERS]
