"""A network of one's own: residual layers there and back, reached by one word."""

import math

from torch import nn

from isthmus.nn import NETWORKS, Network


class Residual(nn.Sequential):
    """h + W₂ relu(W₁ h)."""

    def forward(self, h):
        return h + super().forward(h)


@NETWORKS.register("residual_dense")
class ResidualDense(Network):
    def __init__(self, width: int = 32, depth: int = 2) -> None:
        self.width, self.depth = width, depth

    def pair(self, place):
        decoder = self.layers(place.code, math.prod(place.out_shape))
        decoder.append(nn.Unflatten(1, place.out_shape))
        return self.layers(math.prod(place.in_shape), place.heads), decoder

    def layers(self, n_in, n_out):
        w = self.width
        blocks = [Residual(nn.Linear(w, w), nn.ReLU(), nn.Linear(w, w)) for _ in range(self.depth)]
        return nn.Sequential(nn.Flatten(), nn.Linear(n_in, w), *blocks, nn.Linear(w, n_out))
