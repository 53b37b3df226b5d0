"""In a checkout, what makes the checkpoints stands beside the package; a wheel holds it in here.

Nothing of the product imports it: checkpoints of other kinds are loaded by the entry point that
their card names. Why it is so: docs/decisions/0010-training-inside-the-wheel.md.
"""

from pathlib import Path

__path__ = [str(Path(__file__).parents[1] / "training")]
