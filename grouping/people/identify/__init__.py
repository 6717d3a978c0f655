"""A face or two, and who that is: look-ups, references, opting out, two photos compared."""
