"""What makes the checkpoints: corpora, cached features, splits, training, evaluation, export.

Arrows run one way: ``training -> realtime_mer``, never back. A checkout runs it as ``python -m
training``, a wheel as ``python -m realtime_mer.training``: hence imports in here are relative.
"""
