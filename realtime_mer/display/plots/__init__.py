"""The parts of the window that draw numbers: plane, time lines, bars, meter, waterfall.

Each takes values and knows nothing of where they come from.
"""
