"""Messages of the program in the words of the API: callers have no command line."""

from __future__ import annotations

import re

OPERATOR = "whoever runs the service can change that"
OPTION = re.compile(r"(?<![\w-])--[a-z]|\b(?:Http|S3|Source)Options\(")
IN_PARENTHESES = re.compile(r" \([^()]{0,200}\)")


def for_callers(message: str) -> str:
    """Return a message without what an operator would do with options; says that one could.

    The log of the service has the message as it was.

    Args:
        message: clauses with ``;`` between them, of any error of this program.
    """
    if OPTION.search(message) is None:
        return message
    bare = IN_PARENTHESES.sub(lambda found: "" if OPTION.search(found[0]) else found[0], message)
    kept = [clause for clause in bare.split("; ") if OPTION.search(clause) is None]
    return "; ".join([*kept, OPERATOR])
