"""Files of the guest page, and what the pages for people share."""
