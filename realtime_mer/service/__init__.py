"""The WebSocket service: server, connections, pages, metrics and links.

It hands on what a session says and imports neither engine nor sound.
"""
