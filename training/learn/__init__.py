"""How a network learns: settings, run folders, streams of sound, losses, the loop.

What judges a run stands in ``judge``.
"""
