"""Where tests compute: on the processor in the ordinary suite, on CUDA where there is one.

A test that asks for ``device`` runs once on each; the second is marked ``cuda`` and skipped where
PyTorch sees no GPU. Such tests stand in files named ``test_..._cuda.py``, which import nothing
that ``scripts/gpu.py`` does not look for, so that a bare machine with a GPU can run them.
"""

import pytest
import torch

with_cuda = (
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no CUDA device"),
)

each_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=with_cuda)])
