"""p(z): distributions of codes, as priors that are trained with a model or fitted to its codes."""

from isthmus.nn.prior.autoregressive import AutoregressivePrior
from isthmus.nn.prior.flow import FlowPrior
from isthmus.nn.prior.mixture import MixturePrior
from isthmus.nn.prior.normal import StandardNormal
from isthmus.nn.prior.vamp import VampPrior

Prior = StandardNormal | MixturePrior | VampPrior | FlowPrior | AutoregressivePrior

__all__ = [
    "AutoregressivePrior",
    "FlowPrior",
    "MixturePrior",
    "Prior",
    "StandardNormal",
    "VampPrior",
]
