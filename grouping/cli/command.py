"""A command of the command line: its name, its options and what it does."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One word of the command line, and what it stands for.

    Attributes:
        name: what is typed.
        usage: what follows the name.
        help: one line for the list of the commands.
        description: what the command's own help begins with.
        add_options: declares its options.
        run: does it.
    """

    name: str
    usage: str
    help: str
    description: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
