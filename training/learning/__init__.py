"""A whole training, from recordings to a bundle: from scratch or from a player, and judged."""
