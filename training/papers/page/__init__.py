"""The page about the papers' systems: its table, sentences and pictures.

It reads records and runs nothing.
"""
