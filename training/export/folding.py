"""Weights as constants of a graph, with the normalisations that only training needs worked in."""

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from .nodes import Graph

Array = NDArray[np.float64]

LN_10 = math.log(10.0)


def array(tensor: Tensor) -> Array:
    """Return a weight in double precision."""
    weight: Array = tensor.detach().double().numpy().copy()
    return weight


def affine(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Array, Array]:
    """Return the factors and summands of a normalisation by training's statistics."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a normalisation without statistics cannot be folded")
    scale = array(norm.weight) / np.sqrt(array(norm.running_var) + norm.eps)
    return scale, array(norm.bias) - array(norm.running_mean) * scale


def folded(
    conv: nn.Conv1d | nn.Conv2d, norm: nn.BatchNorm1d | nn.BatchNorm2d
) -> tuple[Array, Array]:
    """Return a convolution's weight and bias with the normalisation behind it worked in."""
    scale, shift = affine(norm)
    weight = array(conv.weight)
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), shift


def convolved(
    graph: Graph, value: str, conv: nn.Conv2d, norm: nn.BatchNorm2d, *, turned: bool = False
) -> str:
    """Return what a convolution, the normalisation behind it and a rectifier make of a value.

    Args:
        graph: where the nodes go.
        value: ``(B, channels, height, width)``.
        conv: the convolution.
        norm: the normalisation.
        turned: height and width of the value have changed places; of a convolution that goes along
            its height alone.
    """
    weight, bias = folded(conv, norm)
    before = [int(pad) for pad in conv.padding]
    if turned:
        weight = weight.swapaxes(2, 3)
    out = graph.op(
        "Conv",
        value,
        graph.constant(weight),
        graph.constant(bias),
        kernel_shape=list(weight.shape[2:]),
        strides=list(conv.stride),
        pads=before + before,
    )
    return graph.op("Relu", out)
