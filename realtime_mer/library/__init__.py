"""A music library by its moods: annotate it once, then ask what goes on from here.

It knows whole files only, neither live sound nor sockets.
"""
