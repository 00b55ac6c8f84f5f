"""The parts of the family: plain torch modules and maths; no files, no loops.

Put together by `AutoencoderModule`, which trains in any loop:

>>> import torch
>>> from isthmus.nn import AutoencoderModule, Dense, GaussianLatent, Bernoulli
>>> module = AutoencoderModule(
...     Dense((64,), (2 * 8,), [32]), Dense((8,), (64,), [32]), GaussianLatent(), Bernoulli()
... )
>>> sorted(module.losses(torch.rand(16, 64)))
['divergence', 'reconstruction']
"""

from isthmus.nn.activation import ACTIVATIONS
from isthmus.nn.corruption import Corruption, GaussianNoise, Masking, SaltAndPepper
from isthmus.nn.latent import Deterministic, GaussianLatent, Latent, TopK
from isthmus.nn.likelihood import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    Gaussian,
    Laplace,
    Likelihood,
    Mixed,
)
from isthmus.nn.module import AutoencoderModule, Losses
from isthmus.nn.networks import (
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Dense,
    TiedDense,
)
from isthmus.nn.penalty import L1, Contractive, KLSparsity, Penalty

__all__ = [
    "ACTIVATIONS",
    "L1",
    "AutoencoderModule",
    "Bernoulli",
    "Categorical",
    "Contractive",
    "ContinuousBernoulli",
    "ConvolutionalDecoder",
    "ConvolutionalEncoder",
    "Corruption",
    "Dense",
    "Deterministic",
    "Gaussian",
    "GaussianLatent",
    "GaussianNoise",
    "KLSparsity",
    "Laplace",
    "Latent",
    "Likelihood",
    "Losses",
    "Masking",
    "Mixed",
    "Penalty",
    "SaltAndPepper",
    "TiedDense",
    "TopK",
]
