"""Tokens of rooms, of which only digests are kept: in a file of one service, or once for all nodes.

Commands make and revoke them; who asks for them (``rooms.rights``) sees what is kept change.
"""
