"""Files of the guest page."""
