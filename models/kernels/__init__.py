"""Hand-written arithmetic behind plain functions, with the gradients it needs.

Nothing in here has to be read to follow a model: each function is the formula in its docstring,
only faster than autograd's own operations would be. Hand-written gradients cannot be
differentiated again.
"""

from models.kernels.calibration_terms import (
    add_distance_error,
    add_order_error,
    amplify,
    gate,
    mask_penalty,
)
from models.kernels.cross_entropy import catalogue_cross_entropy
from models.kernels.dropout import Dropout
from models.kernels.large_products import large_products
from models.kernels.softmax import masked_softmax, renormalize, uniform_weights

__all__ = [
    "Dropout",
    "add_distance_error",
    "add_order_error",
    "amplify",
    "catalogue_cross_entropy",
    "gate",
    "large_products",
    "mask_penalty",
    "masked_softmax",
    "renormalize",
    "uniform_weights",
]
