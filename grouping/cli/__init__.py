"""The command line: options, exit codes, progress, which files are written."""
