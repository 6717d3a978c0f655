"""What is asked under which address, one subject a module."""
