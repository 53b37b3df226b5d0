"""Sound to log-mel frames and log-pitch rows: settings, which need no torch, and both in torch.

Only what depends on nothing but the vocabulary may enter.
"""
