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
from isthmus.nn.classifier import ClassifierModule
from isthmus.nn.corruption import Corruption, GaussianNoise, Masking, SaltAndPepper
from isthmus.nn.curvature import HigherOrderContractive
from isthmus.nn.latent import Deterministic, Gained, GaussianLatent, Latent, NoisyCode, TopK
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
    RecurrentDecoder,
    RecurrentEncoder,
    TiedDense,
)
from isthmus.nn.penalty import L1, Contractive, KLSparsity, Penalty
from isthmus.nn.predictive_sparse import PredictiveSparseModule
from isthmus.nn.sparse_inference import fista
from isthmus.nn.svdd import OneClassModule, UnbiasedModule
from isthmus.nn.transition import Move, transition

__all__ = [
    "ACTIVATIONS",
    "L1",
    "AutoencoderModule",
    "Bernoulli",
    "Categorical",
    "ClassifierModule",
    "Contractive",
    "ContinuousBernoulli",
    "ConvolutionalDecoder",
    "ConvolutionalEncoder",
    "Corruption",
    "Dense",
    "Deterministic",
    "Gained",
    "Gaussian",
    "GaussianLatent",
    "GaussianNoise",
    "HigherOrderContractive",
    "KLSparsity",
    "Laplace",
    "Latent",
    "Likelihood",
    "Losses",
    "Masking",
    "Mixed",
    "Move",
    "NoisyCode",
    "OneClassModule",
    "Penalty",
    "PredictiveSparseModule",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "SaltAndPepper",
    "TiedDense",
    "TopK",
    "UnbiasedModule",
    "fista",
    "transition",
]
