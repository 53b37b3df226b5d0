"""A session wired together: source, engine, outlets, terminal, recording and replay.

What can be used without a session belongs to the rooms below.
"""
