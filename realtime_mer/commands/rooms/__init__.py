"""``realtime-mer rooms``: one module for the service and its tokens, one for what sends to a room.

The group of commands enters from ``serve``; the command line knows nothing else of this folder.
"""
