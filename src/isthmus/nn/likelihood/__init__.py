"""p(x|z): what the decoder's output means, in nats.

Data are ``x`` of shape (n, channels, …): channels first inside the network, and a plain table is
(n, columns). A decoder gives ``parameter_channels(channels)`` channels for them. `log_prob` keeps
the shape of ``x``, so that every value of every sample has its share of the score.
"""

from isthmus.nn.likelihood.base import LIKELIHOODS, Likelihood
from isthmus.nn.likelihood.categorical import Categorical
from isthmus.nn.likelihood.levels import DiscretizedLogistic
from isthmus.nn.likelihood.location_scale import Gaussian, Laplace
from isthmus.nn.likelihood.mixed import Mixed
from isthmus.nn.likelihood.unit_interval import Bernoulli, ContinuousBernoulli

__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "Mixed",
]
