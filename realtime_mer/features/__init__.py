"""Sound to log-mel frames: their settings, which need no torch, and the frames in torch.

Only what depends on nothing but the vocabulary may enter.
"""
