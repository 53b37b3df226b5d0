"""How long tests wait for what is sure to come, on however slow and busy a machine."""

PATIENCE_S = 300
"""Ends a test in which something hangs; none that passes ever waits so long."""
