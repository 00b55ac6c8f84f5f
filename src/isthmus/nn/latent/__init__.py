"""q(z|x), p(z) and D: what the code is."""

from isthmus.nn.latent.deterministic import Deterministic, TopK
from isthmus.nn.latent.gaussian import GaussianLatent

Latent = Deterministic | GaussianLatent

__all__ = ["Deterministic", "GaussianLatent", "Latent", "TopK"]
