"""The secret of a service: 32 random bytes in a file that only its owner reads."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from grouping.errors import ConfigError, OutputError

SECRET_FILE = "secret.key"
SECRET_BYTES = 32


def load_secret(folder: Path) -> bytes:
    """Return the secret of a data folder, made where there is none yet.

    Several processes that start at once get the same one. Services on several machines with one
    store need the same file.

    Raises:
        ConfigError: the file is damaged, or others may read it.
        OutputError: it cannot be made or read.
    """
    path = folder / SECRET_FILE
    try:
        if not path.exists():
            _make(path)
        return _checked(path)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: {reason}; make the folder writable for the service") from None


def derived_secret(secret: bytes, *purpose: str) -> bytes:
    """Return another secret, for one purpose; that one tells nothing of this."""
    return hmac.new(secret, "\n".join(purpose).encode(), hashlib.sha256).digest()


def _make(path: Path) -> None:
    """Write beside it and link, which fails where another process was first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink()


def _checked(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        data = file.read(SECRET_BYTES + 1)
    if os.name == "posix" and mode & 0o077:
        raise ConfigError(f"{path} may be read by others; run chmod 600 {path}")
    if len(data) != SECRET_BYTES:
        raise ConfigError(
            f"{path} is damaged; delete it, and links and webhook secrets are made anew"
        )
    return data
