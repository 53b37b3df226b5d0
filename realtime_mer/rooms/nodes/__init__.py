"""Who has a service's rooms computed: this process by itself, or a node with workers elsewhere.

Sound and estimates of a room enter and leave by ``rooms.service``; here nobody is let in or told.
"""
