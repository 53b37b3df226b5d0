"""A page that shows a library on the plane, and the service that answers what it asks.

The page itself is in ``web/library``; here is what it gets: numbers of all tracks, names and
courses of those it looks at, and their sound.
"""
