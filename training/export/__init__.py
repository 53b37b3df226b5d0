"""A finished run made a checkpoint that ships: its card, its weights, and a file anything runs.

Only what turns results into files may enter; what judges them stands in ``judge``.
"""
