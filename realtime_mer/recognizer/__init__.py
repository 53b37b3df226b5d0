"""Sound in, numbers out: what every recogniser promises, the one that does so, and how it is found.

Thread, socket, sound card and window have no business here.
"""
