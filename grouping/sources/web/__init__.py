"""Photos and messages over http and https, where servers may be hostile."""
