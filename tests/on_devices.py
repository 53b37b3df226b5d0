"""Where tests compute: on the processor in the ordinary suite, on CUDA where there is one.

A test that asks for ``device`` runs once on each; the second is marked ``cuda`` and skipped where
PyTorch sees no GPU. Such tests stand in files named ``test_..._cuda.py``, which import nothing
that ``scripts/gpu.py`` does not look for, so that a bare machine with a GPU can run them.
"""

from typing import Any

import pytest
import torch

with_cuda = (
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no CUDA device"),
)

each_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=with_cuda)])


def assert_near(found: Any, expected: Any, *, tolerance: float = 1e-4) -> None:
    """Hold JSON-like values to be the same but for numbers, which may differ by ``tolerance``."""
    match expected:
        case float():
            assert abs(found - expected) <= tolerance
        case dict():
            assert found.keys() == expected.keys()
            for key, value in expected.items():
                assert_near(found[key], value, tolerance=tolerance)
        case list() | tuple():
            assert len(found) == len(expected)
            for own, other in zip(found, expected, strict=True):
                assert_near(own, other, tolerance=tolerance)
        case _:
            assert found == expected
