"""The log of the program: one line an event, as text or as JSON."""

from __future__ import annotations

import atexit
import io
import json
import logging
import os
import sys
import threading
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from grouping.records import JOINERS

log = logging.getLogger("grouping.cli")

STDERR = 2  # the file descriptor that C libraries write to
LONGEST_LINE = 1000  # bytes of such a line that are kept
MOST_LINES = 10_000
PIPE_BYTES = 64 * 1024
END_SECONDS = 2.0

# Control characters, marks that reorder what follows, separators of lines and paragraphs.
_COMMANDS = frozenset({"Cc", "Cf", "Zl", "Zp"})


class LineFormatter(logging.Formatter):
    """One line an event, its fields behind it.

    File names and servers may hold what terminals take for commands.
    """

    def format(self, record: logging.LogRecord) -> str:
        """See :meth:`logging.Formatter.format`."""
        fields = getattr(record, "fields", {})
        shown = "  ".join(f"{name} {value}" for name, value in fields.items())
        return terminal_line(f"{super().format(record)}  {shown}".rstrip())


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what a record carries as ``fields`` becomes keys."""

    def format(self, record: logging.LogRecord) -> str:
        """See :meth:`logging.Formatter.format`."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(line | getattr(record, "fields", {}))


def terminal_line(text: str) -> str:
    """Return a text as one line for a terminal: control characters as escapes."""
    return "".join(
        c.encode("unicode_escape").decode()
        if unicodedata.category(c) in _COMMANDS and c not in JOINERS
        else c
        for c in text
    )


def set_up_logging(*, as_json: bool, verbose: bool) -> None:
    """Log to the standard error, as text or as JSON lines."""
    if as_json:
        _capture_libraries()
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if as_json else LineFormatter("%(message)s"))
    level = logging.INFO if verbose or as_json else logging.WARNING
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("grouping").setLevel(logging.INFO)
    handler.setLevel(logging.INFO)
    for library in ("urllib3", "botocore"):  # whose warnings hold whole addresses, secrets too
        logging.getLogger(library).setLevel(logging.ERROR)


def note(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event; with text logging the fields follow the event."""
    log.log(level, event, extra={"fields": fields})


def logs_json() -> bool:
    """Whether :func:`set_up_logging` chose JSON lines, among which no bar may be drawn."""
    handlers = logging.getLogger().handlers
    return bool(handlers) and isinstance(handlers[0].formatter, JsonFormatter)


def _capture_libraries() -> None:
    """Make log events of the lines that C libraries (libtiff, LibRaw) write themselves.

    They write to the file descriptor, in worker processes too, where it is inherited. It becomes a
    pipe, and Python goes on with the descriptor that was there before.
    """
    try:
        if sys.stderr.fileno() != STDERR:  # somebody else's already, or ours
            return
        before = os.dup(STDERR)
    except (OSError, AttributeError, io.UnsupportedOperation):
        return
    reading, writing = os.pipe()
    os.dup2(writing, STDERR)
    os.close(writing)
    sys.stderr = os.fdopen(before, "w", 1, "utf-8", "backslashreplace", closefd=False)
    thread = threading.Thread(target=_log_lines, args=(reading,), name="library-lines", daemon=True)
    thread.start()
    atexit.register(_end_capture, before, thread)


def _log_lines(reading: int) -> None:
    """Log what comes out of the pipe; it is emptied to the end, whatever it holds."""
    rest, count = b"", 0
    while piece := os.read(reading, PIPE_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        rest = rest[:LONGEST_LINE]
        for line in filter(None, (line[:LONGEST_LINE].strip() for line in lines)):
            count += 1
            if count <= MOST_LINES:
                note("library", logging.WARNING, message=line.decode("utf-8", "replace"))


def _end_capture(before: int, thread: threading.Thread) -> None:
    """Close the writing end, so that the last lines are logged before the program ends."""
    with suppress(OSError):
        os.dup2(before, STDERR)
    thread.join(END_SECONDS)
