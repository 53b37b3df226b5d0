"""The commands of ``python -m training``: each in the module that bears its name."""
