"""One system on one corpus under one protocol: folds, scores, costs and the records kept.

The words of the page about them stand in ``page``.
"""
