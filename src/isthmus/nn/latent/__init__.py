"""q(z|x), p(z) and D: what the code is."""

from isthmus.nn.latent.deterministic import Deterministic, TopK
from isthmus.nn.latent.gained import Gained
from isthmus.nn.latent.gaussian import GaussianLatent
from isthmus.nn.latent.noisy import NoisyCode

Latent = Deterministic | GaussianLatent | NoisyCode

__all__ = ["Deterministic", "Gained", "GaussianLatent", "Latent", "NoisyCode", "TopK"]
