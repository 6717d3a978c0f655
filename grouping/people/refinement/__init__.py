"""Groups that the linkage has made, made better."""
