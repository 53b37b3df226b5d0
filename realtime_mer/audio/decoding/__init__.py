"""Sound files and streams taken apart: formats recognised, links of a chain found, samples decoded.

Nothing here knows of sources, clocks or devices; it sees bytes and gives frames.
"""
