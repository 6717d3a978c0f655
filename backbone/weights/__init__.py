"""Weight files to networks: what is known about them, how they are read, what they become."""
