"""The face network as a function of aligned crops, and what it tells of them."""
