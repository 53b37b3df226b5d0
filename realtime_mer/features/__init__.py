"""Sound to log-mel frames and log-pitch rows, in torch, with their settings; and when music turns.

Only what depends on nothing but the vocabulary may enter. The last two need no torch.
"""
