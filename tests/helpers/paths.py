"""Where things lie in a clone."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT / "tests" / "photos"
SHARED_DATA = ROOT.parent / "shared" / "data"  # optional labelled photos beside the repository
