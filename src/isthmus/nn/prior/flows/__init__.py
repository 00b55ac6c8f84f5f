"""Invertible maps of codes whose change of volume is known."""

from isthmus.nn.prior.flows.autoregressive import InverseAutoregressiveFlow, MaskedLinear
from isthmus.nn.prior.flows.coupling import CouplingFlow

__all__ = ["CouplingFlow", "InverseAutoregressiveFlow", "MaskedLinear"]
