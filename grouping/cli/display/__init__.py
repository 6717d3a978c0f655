"""What a command shows on the way and at its end: log lines, progress, a summary."""
