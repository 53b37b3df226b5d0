"""Sound in, numbers out: the network with its state, as a stream steps it.

Thread, socket, sound card and window have no business here.
"""
