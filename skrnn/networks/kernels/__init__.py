"""What the compiled code of every cell is made of. It can be imported without Numba; calls need it."""

from skrnn.networks.kernels._moves import (
    fill,
    head,
    head_backward,
    look_up,
    look_up_backward,
    parted,
    put_last,
    take_last,
    turn,
)
from skrnn.networks.kernels._primitives import Arrays, add_or_set, column_sums, kernel, place, sigmoid, tanh, transpose
from skrnn.networks.kernels._products import (
    gate_gradients,
    gate_panels,
    input_products,
    panel_product,
    product,
    recurrent_gradients,
    state_gradient,
)
from skrnn.networks.kernels._rows import (
    SIDE_BY_SIDE,
    add_product,
    input_sums,
    logistic,
    row_kernel,
    state_sums,
)

__all__ = [
    "SIDE_BY_SIDE",
    "Arrays",
    "add_or_set",
    "add_product",
    "column_sums",
    "fill",
    "gate_gradients",
    "gate_panels",
    "head",
    "head_backward",
    "input_products",
    "input_sums",
    "kernel",
    "logistic",
    "look_up",
    "look_up_backward",
    "panel_product",
    "parted",
    "place",
    "product",
    "put_last",
    "recurrent_gradients",
    "row_kernel",
    "sigmoid",
    "state_gradient",
    "state_sums",
    "take_last",
    "tanh",
    "transpose",
    "turn",
]
