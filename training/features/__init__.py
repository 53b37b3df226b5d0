"""What is computed from sound once: log-mel frames, hand-made features, a teacher's embeddings.

Nothing here knows labels or folds.
"""
