"""What each command of ``python -m training`` does, one module a command.

They parse, wire the rooms together and print; no room imports them.
"""
