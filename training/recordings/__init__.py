"""Which recordings there are, and the pieces that are read from them."""
