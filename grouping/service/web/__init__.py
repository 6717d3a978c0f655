"""What every request goes through: its id, the bound of its body, one form of errors."""
