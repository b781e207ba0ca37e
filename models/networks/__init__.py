"""The networks: in torch to be trained and to play on a GPU, in numpy to play on a CPU.

Only the modules named `..._numpy` are loaded to play on a CPU; they never import torch.
"""
