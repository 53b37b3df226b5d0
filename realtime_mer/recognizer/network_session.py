"""A network's file opened by onnxruntime on one thread, or refused in words."""

from collections.abc import Sequence

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state

from realtime_mer.errors import CheckpointError

# onnxruntime's exceptions have no base but Exception. Where it quotes a damaged name, its words are
# no UTF-8 and cannot be read.
REFUSALS = (
    UnicodeDecodeError,
    onnxruntime_pybind11_state.Fail,
    onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime_pybind11_state.InvalidProtobuf,
    onnxruntime_pybind11_state.NotImplemented,
    onnxruntime_pybind11_state.RuntimeException,
)
"""What onnxruntime raises at a file that it cannot run."""


def opened(name: str, network: bytes) -> tuple[onnxruntime.InferenceSession, dict[str, str]]:
    """Return what runs a file, and the file's metadata.

    Args:
        name: of the checkpoint.
        network: what the file holds.

    Raises:
        CheckpointError: it is no network that can be run.
    """
    options = onnxruntime.SessionOptions()
    # A hop is too small to share, and threads that wait for one another would take cores from
    # whatever else runs.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors alone, which are raised as well
    try:
        session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        return session, session.get_modelmeta().custom_metadata_map
    except REFUSALS as error:
        raise unusable(name, str(error)) from error


def check_names(
    name: str,
    session: onnxruntime.InferenceSession,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> None:
    """Refuse a file that takes or gives other things.

    Raises:
        CheckpointError: it does.
    """
    for side, there, names in (
        ("inputs", session.get_inputs(), inputs),
        ("outputs", session.get_outputs(), outputs),
    ):
        if [one.name for one in there] != list(names):
            found = ", ".join(one.name for one in there)
            raise unusable(name, f"its {side} are {found}, not {', '.join(names)}")


def unusable(name: str, why: str) -> CheckpointError:
    """Return what is said of the file of a checkpoint that cannot be run."""
    return CheckpointError(
        f"The .onnx file of {name} cannot be run ({why}). Fetch the checkpoint again."
    )
