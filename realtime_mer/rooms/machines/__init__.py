"""Rooms on many machines: nodes take in their sound, workers compute them, NATS lies between.

Chunks of sound, states and estimates enter and leave as bytes; ``link`` alone speaks with NATS.
"""
