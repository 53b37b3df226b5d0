"""What goes where: a file of outputs and rules, and what it makes of a session's events.

All of it is pure: estimates and seconds of sound go in, messages for the wires come out.
"""
