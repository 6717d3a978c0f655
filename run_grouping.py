#!/usr/bin/env python3
"""Group the faces of photos by person; see ``--help``."""

import sys

from backbone.runtime.memory import keep_freed_memory
from grouping.cli.main import main

if __name__ == "__main__":
    keep_freed_memory()
    sys.exit(main())
