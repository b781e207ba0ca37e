"""How the mind learned. The folder is `training/` in the checkout and `jamd.training` to Python.

In the order of its rooms: `recordings` says which music there is, `reading` and `cache` bring it in,
`batches` cuts it into turns, `fitting` fits networks to them (`fitting.fit` is the loop), `runs` keeps each
training, `judging` and `report` say what came of it, and `learning` is the whole way. What plays imports none
of it.
"""
