"""p(z): distributions of codes, as priors that are trained with a model or fitted to its codes."""

from isthmus.nn.prior.autoregressive import AutoregressivePrior
from isthmus.nn.prior.base import PRIORS, Prior
from isthmus.nn.prior.flow import FlowPrior
from isthmus.nn.prior.flows import CouplingFlow, InverseAutoregressiveFlow
from isthmus.nn.prior.mixture import MixturePrior
from isthmus.nn.prior.normal import StandardNormal
from isthmus.nn.prior.vamp import VampPrior

__all__ = [
    "PRIORS",
    "AutoregressivePrior",
    "CouplingFlow",
    "FlowPrior",
    "InverseAutoregressiveFlow",
    "MixturePrior",
    "Prior",
    "StandardNormal",
    "VampPrior",
]
