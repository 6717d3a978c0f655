"""Photos that are asked about: in memory, looked at, and let go of."""
