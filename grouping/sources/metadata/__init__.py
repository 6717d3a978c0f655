"""What other programs have written into or beside photos."""
