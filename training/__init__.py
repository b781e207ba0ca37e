"""How the mind learned: `pieces` reads music, `batches` cuts it into turns, `fit` is the loop.

The folder is `training/` in the checkout and `jamd.training` to Python.
"""
