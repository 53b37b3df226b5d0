"""Sound in: sources, devices, files, resampling and the ring buffer.

Nothing here knows of networks, emotions or sockets.
"""
