"""Pictures and the gallery page."""
