#!/usr/bin/env python3
"""Group the faces of photos by person; see ``--help``."""

import sys

from grouping.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
