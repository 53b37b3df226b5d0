"""In a checkout, what makes the checkpoints stands beside the package; a wheel holds it in here.

Nothing of the product imports it: checkpoints of other kinds are loaded by the entry point that
their card names. Why it is so: docs/decisions/0010-training-inside-the-wheel.md.
"""

import runpy
from pathlib import Path

__path__ = [str(Path(__file__).parents[1] / "training")]

if __name__ == "__main__":  # ``python -m realtime_mer.training``, as with a wheel
    runpy.run_module("realtime_mer.training.__main__", run_name="__main__", alter_sys=True)
