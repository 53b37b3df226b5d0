"""Recordings of rooms: what is estimated in a room and, where asked for, its sound, as a session.

Whoever makes a room may have it recorded; what is written, and how, is the business of sessions.
"""
