"""The player's mind: what every mind offers, tokens and features, and the bundles that models travel in.

The folder is `models/` in the checkout and `jamd.models` to Python. `networks` holds each network in torch,
as it learns, and in numpy, as it plays on a CPU; `memory` what is remembered; `opening` makes a mind of a
bundle.
"""
