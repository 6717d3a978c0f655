"""Photos on a disk: formats, copies, damage."""
