"""Music where many machines reach it, and the machines of a Ray cluster that work it out.

fsspec and Ray enter here alone, and are imported where they are used.
"""
