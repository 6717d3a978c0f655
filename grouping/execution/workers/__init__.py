"""What workers are sent, and what they do with it, in this process or another."""
