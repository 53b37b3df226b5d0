"""Sound in, numbers out: what every recogniser promises, the reference in torch, and loading.

Thread, socket, sound card and window have no business here.
"""
