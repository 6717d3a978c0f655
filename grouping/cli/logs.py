"""The log of the program: one line an event, as text or as JSON."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

log = logging.getLogger("grouping.cli")


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what a record carries as ``fields`` becomes keys."""

    def format(self, record: logging.LogRecord) -> str:
        """See :meth:`logging.Formatter.format`."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(line | getattr(record, "fields", {}))


def set_up_logging(*, as_json: bool, verbose: bool) -> None:
    """Log to the standard error, as text or as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter("%(message)s"))
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
