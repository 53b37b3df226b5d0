"""The systems of the papers, each in a module named for its author, and what these share.

``features`` reads the sound; what learns sees arrays only, never folds or the other side of a
split.
"""
