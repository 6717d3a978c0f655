"""The token of clusters that are started here: who has it may run code in them as this user.

Ray would make one that all users of the machine can read.
"""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

OWNER_ONLY = 0o600
FOLDER_OWNER_ONLY = 0o700
OTHERS = 0o077  # permissions of the group and of everybody
TOKEN_BYTES = 32  # as many as Ray takes


def make_token_private() -> None:
    """Make the token that Ray will look for, readable for its owner alone, where there is none.

    One that is there is left as it is; where other users can read it, that is said. Where it cannot
    be made, Ray will say why.
    """
    if os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        return
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return
    path = Path.home() / ".ray" / "auth_token"
    with suppress(OSError):
        path.parent.mkdir(mode=FOLDER_OWNER_ONLY, exist_ok=True)
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        except FileExistsError:
            _warn_of_readers(path)
            return
        with os.fdopen(file, "w") as token:
            token.write(secrets.token_hex(TOKEN_BYTES))


def _warn_of_readers(path: Path) -> None:
    """Say that other users can read a token: its own mode and those of its folders let them."""
    modes = [place.stat().st_mode for place in (path, path.parent, path.parent.parent)]
    if all(mode & OTHERS for mode in modes):
        log.warning(
            "other users of this machine can read %s, and so run code in clusters that are started "
            "here: chmod 600 %s",
            path,
            path,
        )
