"""How well this machine does: timing, latency, the model's cost, start-up, and what is wrong with its set-up.

Everything is measured with the parts that play, none of them changed.
"""
