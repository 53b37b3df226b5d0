"""A session wired together: source, engine, outlets, terminal, recording and replay.

Only what joins several rooms may enter; what works without a session has a room of its own.
"""
