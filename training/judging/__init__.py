"""How good a model is: calls from held-out music, and the answers held against what really came next."""
