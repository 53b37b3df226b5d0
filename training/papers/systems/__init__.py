"""The systems of the papers, each in a module named for its paper or author.

A system sees arrays only: never files, folds or the other side of a split.
"""
