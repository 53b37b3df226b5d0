"""The sound libraries, behind one small interface: what devices there are, and what they hear.

Only the capture process uses them; nothing here was run on macOS or Windows.
"""
