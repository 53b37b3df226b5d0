"""Measurements of this machine: speed of the recogniser, load of the service.

Nothing but ``realtime-mer bench`` imports them.
"""
