"""Photos of albums on their way in, on the disk, and out of it again."""
