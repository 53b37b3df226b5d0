"""A graph of ONNX, written node by node."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
"""Of the standard operators; onnxruntime runs it from release 1.14 on."""

_IR_VERSION = 8  # the oldest that knows the opset
_ALL = np.iinfo(np.int64).max

Shape = tuple[int | str, ...]


class Graph:
    """Nodes in the order in which they were asked for; a name stands for what a node gives.

    Two equal constants are written once.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Shape, told: str) -> str:
        """Take a float32 input; a word in the shape stands for a free length."""
        self._inputs.append(_value(name, shape, told))
        return name

    def output(self, name: str, value: str, shape: Shape, told: str) -> None:
        """Give a float32 value out under a name."""
        self._outputs.append(_value(name, shape, told))
        self._nodes.append(helper.make_node("Identity", [value], [name], name=name))

    def constant(self, value: ArrayLike) -> str:
        """Return the name of float32 numbers."""
        return self._constant(np.asarray(value, np.float32))

    def whole(self, *numbers: int) -> str:
        """Return the name of a list of int64."""
        return self._constant(np.asarray(numbers, np.int64))

    def number(self, number: int) -> str:
        """Return the name of an int64."""
        return self._constant(np.asarray(number, np.int64))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return the name of what it gives."""
        return self.several(kind, 1, *inputs, **attributes)[0]

    def several(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node that gives several values and return their names."""
        name = f"{kind}_{len(self._nodes)}"
        names = [name, *(f"{name}_{at}" for at in range(1, outputs))]
        self._nodes.append(helper.make_node(kind, inputs, names, name=name, **attributes))
        return names

    def slice(self, value: str, axis: int, start: int, end: int | None = None) -> str:
        """Return a part along an axis, counted as in Python."""
        stop = _ALL if end is None else end
        return self.op("Slice", value, self.whole(start), self.whole(stop), self.whole(axis))

    def reshape(self, value: str, *shape: int) -> str:
        """Return a value in another shape: 0 keeps that axis, -1 takes what is left."""
        return self.op("Reshape", value, self.whole(*shape))

    def concat(self, *values: str, axis: int) -> str:
        """Return values one after the other along an axis."""
        return self.op("Concat", *values, axis=axis)

    def scaled(self, value: str, scale: ArrayLike, shift: ArrayLike) -> str:
        """Return ``value * scale + shift`` along the last axis."""
        product = self.op("Mul", value, self.constant(scale))
        return self.op("Add", product, self.constant(shift))

    def linear(self, value: str, weight: NDArray[Any], bias: ArrayLike | None = None) -> str:
        """Return ``value @ weight + bias`` along the last axis; the weight is ``(in, out)``."""
        product = self.op("MatMul", value, self.constant(weight))
        return product if bias is None else self.op("Add", product, self.constant(bias))

    def model(self, *, told: str, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """Return the whole, checked."""
        graph = helper.make_graph(
            self._nodes, "network", self._inputs, self._outputs, self._initializers
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
            producer_name="realtime-mer",
            doc_string=told,
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model

    def _constant(self, value: NDArray[Any]) -> str:
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self._constants:
            name = self._constants[key] = f"constant_{len(self._constants)}"
            self._initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return self._constants[key]


def _value(name: str, shape: Sequence[int | str], told: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape, doc_string=told)
