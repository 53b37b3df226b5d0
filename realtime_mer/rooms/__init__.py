"""Many rooms at once: what collects the hops of their streams, so that they are computed together.

Sound and estimates of a room enter and leave by shells elsewhere: here is no socket and no clock.
"""
