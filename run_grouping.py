#!/usr/bin/env python3
"""Group the faces of photos by person; see ``--help``."""

import signal
import sys


def run() -> int:
    """Call the command line; Ctrl-C and SIGTERM are one line from the first import on."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from grouping.cli.main import main

        return main()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(run())
