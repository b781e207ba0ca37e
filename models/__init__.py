"""The player's mind: networks, how they are stepped, and the bundles they travel in.

The folder is `models/` in the checkout and `jamd.models` to Python. `seq2seq` is the network as it learns, in
torch; `stepping` plays the same weights frame by frame in numpy; `bundle` reads and writes them.
"""
