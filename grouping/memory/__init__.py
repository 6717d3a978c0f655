"""How much memory a run may take, what of it is for what, and photos that keep to it."""
