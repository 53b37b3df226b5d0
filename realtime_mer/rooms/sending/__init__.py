"""Sends the sound of this machine to a room of a service: what is kept, the connection, the words.

A source and the address of a room enter; what is sent, kept and lost comes out as figures.
"""
