"""Invertible maps of codes whose change of volume is known."""

from isthmus.nn.flow.autoregressive import InverseAutoregressiveFlow, MaskedLinear
from isthmus.nn.flow.coupling import CouplingFlow

__all__ = ["CouplingFlow", "InverseAutoregressiveFlow", "MaskedLinear"]
