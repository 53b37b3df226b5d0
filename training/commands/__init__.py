"""What each command of ``python -m training`` does, one module a command.

They parse, wire the rooms together and print; no other room imports them. What is heavy they
import when they are called, so that ``--help`` and refusals come at once.
"""
