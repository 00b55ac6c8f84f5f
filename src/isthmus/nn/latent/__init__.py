"""q(z|x), p(z) and D: the kinds of code (latents) and their divergences."""

from isthmus.nn.latent.base import LATENTS, Latent, StochasticLatent
from isthmus.nn.latent.concrete import BernoulliLatent, CategoricalLatent, ConcreteLatent
from isthmus.nn.latent.deterministic import Deterministic, TopK
from isthmus.nn.latent.finite_scalar import FiniteScalar
from isthmus.nn.latent.flow import FlowLatent
from isthmus.nn.latent.gained import Gained
from isthmus.nn.latent.gaussian import GaussianLatent
from isthmus.nn.latent.ladder import LadderLatent
from isthmus.nn.latent.matched import Matched
from isthmus.nn.latent.noisy import NoisyCode
from isthmus.nn.latent.quantized import QuantizedLatent
from isthmus.nn.latent.vector_quantized import VectorQuantized
from isthmus.nn.latent.von_mises_fisher import VonMisesFisher

__all__ = [
    "LATENTS",
    "BernoulliLatent",
    "CategoricalLatent",
    "ConcreteLatent",
    "Deterministic",
    "FiniteScalar",
    "FlowLatent",
    "Gained",
    "GaussianLatent",
    "LadderLatent",
    "Latent",
    "Matched",
    "NoisyCode",
    "QuantizedLatent",
    "StochasticLatent",
    "TopK",
    "VectorQuantized",
    "VonMisesFisher",
]
