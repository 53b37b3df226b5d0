"""What each command of ``realtime-mer`` does, one module a command.

They wire the rooms together and print; no room imports them.
"""
