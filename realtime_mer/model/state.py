"""What a stream carries from hop to hop, whoever computes it."""

from typing import Generic, NamedTuple, TypeVar

Array = TypeVar("Array")
"""A tensor of torch or an array of NumPy."""


class NetworkState(NamedTuple, Generic[Array]):
    """Everything a stream carries from hop to hop; each array's first axis is the stream.

    Dimensions: B streams, M mel bands, C numbers of a column, D numbers of an embedding.

    Attributes:
        frames: the last 4 normalised frames, ``(B, 1, 4, M)``.
        coarse: the last 2 outputs of the second convolution, ``(B, channels[1], 2, M/4)``.
        fine: the last 2 inputs of the fourth convolution, ``(B, 2, channels[2] * M/8)``.
        columns: the last 24 columns, ``(B, C, 24)``.
        hidden, cell: of the LSTM, ``(B, D)``.
    """

    frames: Array
    coarse: Array
    fine: Array
    columns: Array
    hidden: Array
    cell: Array
