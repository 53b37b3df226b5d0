"""What makes the checkpoints: corpora, cached features, splits, training, evaluation, export.

Arrows run one way: ``training -> realtime_mer``, never back.
"""
