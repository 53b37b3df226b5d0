"""What to compute with: what was asked for, and what there is. Imports torch only for a GPU."""

import ctypes
import importlib.util
import sys
from dataclasses import dataclass

from realtime_mer.errors import InputError
from realtime_mer.wording import installing

_DRIVERS = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}  # there is none for macOS


@dataclass(frozen=True, kw_only=True)
class Compute:
    """What is computed with, and why.

    Attributes:
        name: ``light``, ``torch``, ``cuda`` or ``cuda:N``.
        why: half a sentence for people.
    """

    name: str
    why: str


def choose_compute(asked: str, *, light: bool = True) -> Compute:
    """Return what to compute with.

    Args:
        asked: ``light``, ``torch`` (on the processor), ``cuda``, ``cuda:N``; ``cpu``: light where
            the checkpoint can, else torch; ``auto``: CUDA where PyTorch is installed and sees a
            GPU, else as ``cpu``.
        light: whether the checkpoint can run light.

    Raises:
        InputError: it is none of these, or needs PyTorch, which is not installed.
    """
    if asked == "auto":
        gpu = _gpu()
        if gpu.name == "cuda":
            return gpu
        why = gpu.why
    elif asked in {"light", "torch", "cpu"} or asked.startswith("cuda"):
        why = "it was asked for"
    else:
        raise InputError(f"Unknown compute {asked!r}; use auto, light, torch or cuda.")
    if asked in {"auto", "cpu"}:
        if light:
            return Compute(name="light", why=why)
        asked, why = "torch", f"{why}, and the checkpoint has no .onnx file"
    if asked != "light" and not _torch_is_installed():
        raise InputError(
            f"Computing with {asked!r} needs PyTorch, which is not installed: {installing('gpu')}, "
            "or use light."
        )
    return Compute(name=asked, why=why)


def _gpu() -> Compute:
    """Return CUDA and its device's name, or light and why it is not CUDA."""
    if not driver_sees_gpu():
        return Compute(name="light", why="there is no NVIDIA GPU")
    if not _torch_is_installed():
        why = f"there is an NVIDIA GPU, but no PyTorch to use it: {installing('gpu')}"
        return Compute(name="light", why=why)
    import torch  # takes seconds, and memory ten times the network's

    if not torch.cuda.is_available():
        return Compute(name="light", why=f"PyTorch {torch.__version__} cannot use the NVIDIA GPU")
    name = torch.cuda.get_device_name()
    return Compute(name="cuda", why=f"PyTorch {torch.__version__} sees {name}")


def driver_sees_gpu() -> bool:
    """Return whether NVIDIA's driver is there and sees a GPU; asking it costs nearly nothing."""
    try:
        driver = ctypes.CDLL(_DRIVERS[sys.platform])
    except (KeyError, OSError):
        return False
    count = ctypes.c_int(0)
    return (
        driver.cuInit(0) == 0
        and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
        and count.value > 0
    )


def _torch_is_installed() -> bool:
    return importlib.util.find_spec("torch") is not None


def compute_on_one_thread() -> None:
    """Let torch, if it is loaded, compute on one thread from now on, as the light recogniser does.

    A hop is too small to share, and threads would wait for one another.
    """
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
