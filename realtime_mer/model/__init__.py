"""The network and its checkpoint: layers, weights, and the card that says how to run them.

Only what depends on nothing but features and the vocabulary may enter.
"""
