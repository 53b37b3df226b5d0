"""How well a run does: metrics, baselines, calibration and every measurement of a report.

Each measures one thing and returns values; ``report`` writes them down.
"""
