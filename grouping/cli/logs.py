"""The log of the program: one line an event, as text or as JSON."""

from __future__ import annotations

import json
import logging
import unicodedata
from datetime import UTC, datetime
from typing import Any

from grouping.records import JOINERS

log = logging.getLogger("grouping.cli")

# Control characters, marks that reorder what follows, separators of lines and paragraphs.
_COMMANDS = frozenset({"Cc", "Cf", "Zl", "Zp"})


class LineFormatter(logging.Formatter):
    """One line an event: file names and servers may hold what terminals take for commands."""

    def format(self, record: logging.LogRecord) -> str:
        """See :meth:`logging.Formatter.format`."""
        return terminal_line(super().format(record))


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
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if as_json else LineFormatter("%(message)s"))
    level = logging.INFO if verbose or as_json else logging.WARNING
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("grouping").setLevel(logging.INFO)
    handler.setLevel(logging.INFO)


def note(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event; with text logging the fields follow the event."""
    shown = "  ".join(f"{name} {value}" for name, value in fields.items())
    message = event if logs_json() else f"{event}  {shown}".rstrip()
    log.log(level, message, extra={"fields": fields})


def logs_json() -> bool:
    """Whether :func:`set_up_logging` chose JSON lines, among which no bar may be drawn."""
    handlers = logging.getLogger().handlers
    return bool(handlers) and isinstance(handlers[0].formatter, JsonFormatter)
