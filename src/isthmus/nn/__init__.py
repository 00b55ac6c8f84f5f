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
from isthmus.nn.adversarial import AdversarialModule, ConditionalAdversarialModule
from isthmus.nn.classifier import ClassifierModule
from isthmus.nn.corruption import Corruption, GaussianNoise, Masking, SaltAndPepper
from isthmus.nn.covariance_penalty import CovariancePenalty
from isthmus.nn.critic import Critic, CriticisedModule
from isthmus.nn.curvature import HigherOrderContractive
from isthmus.nn.decoder_penalty import CodeNorm, DecoderGradient, DecoderWeights
from isthmus.nn.factor import FactorModule
from isthmus.nn.flow import CouplingFlow, InverseAutoregressiveFlow
from isthmus.nn.gan import GANModule
from isthmus.nn.hyperspherical import HypersphericalModule
from isthmus.nn.importance import ImportanceWeightedModule
from isthmus.nn.ladder import LadderModule
from isthmus.nn.latent import (
    BernoulliLatent,
    CategoricalLatent,
    ConcreteLatent,
    Deterministic,
    FiniteScalar,
    FlowLatent,
    Gained,
    GaussianLatent,
    LadderLatent,
    Latent,
    Matched,
    NoisyCode,
    QuantizedLatent,
    StochasticLatent,
    TopK,
    VectorQuantized,
    VonMisesFisher,
)
from isthmus.nn.likelihood import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Laplace,
    Likelihood,
    Mixed,
)
from isthmus.nn.maximum_mean_discrepancy import MaximumMeanDiscrepancy, squared_mmd
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
from isthmus.nn.prior import (
    AutoregressivePrior,
    FlowPrior,
    MixturePrior,
    Prior,
    StandardNormal,
    VampPrior,
)
from isthmus.nn.quantization import Commitment, Perplexity
from isthmus.nn.rate import Capacity, FreeBits
from isthmus.nn.sparse_inference import fista
from isthmus.nn.svdd import OneClassModule, UnbiasedModule
from isthmus.nn.total_correlation import TotalCorrelation
from isthmus.nn.transition import Move, transition
from isthmus.nn.vae_gan import VAEGANModule

__all__ = [
    "ACTIVATIONS",
    "L1",
    "AdversarialModule",
    "AutoencoderModule",
    "AutoregressivePrior",
    "Bernoulli",
    "BernoulliLatent",
    "Capacity",
    "Categorical",
    "CategoricalLatent",
    "ClassifierModule",
    "CodeNorm",
    "Commitment",
    "ConcreteLatent",
    "ConditionalAdversarialModule",
    "ContinuousBernoulli",
    "Contractive",
    "ConvolutionalDecoder",
    "ConvolutionalEncoder",
    "Corruption",
    "CouplingFlow",
    "CovariancePenalty",
    "Critic",
    "CriticisedModule",
    "DecoderGradient",
    "DecoderWeights",
    "Dense",
    "Deterministic",
    "DiscretizedLogistic",
    "FactorModule",
    "FiniteScalar",
    "FlowLatent",
    "FlowPrior",
    "FreeBits",
    "GANModule",
    "Gained",
    "Gaussian",
    "GaussianLatent",
    "GaussianNoise",
    "HigherOrderContractive",
    "HypersphericalModule",
    "ImportanceWeightedModule",
    "InverseAutoregressiveFlow",
    "KLSparsity",
    "LadderLatent",
    "LadderModule",
    "Laplace",
    "Latent",
    "Likelihood",
    "Losses",
    "Masking",
    "Matched",
    "MaximumMeanDiscrepancy",
    "Mixed",
    "MixturePrior",
    "Move",
    "NoisyCode",
    "OneClassModule",
    "Penalty",
    "Perplexity",
    "PredictiveSparseModule",
    "Prior",
    "QuantizedLatent",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "SaltAndPepper",
    "StandardNormal",
    "StochasticLatent",
    "TiedDense",
    "TopK",
    "TotalCorrelation",
    "UnbiasedModule",
    "VAEGANModule",
    "VampPrior",
    "VectorQuantized",
    "VonMisesFisher",
    "fista",
    "squared_mmd",
    "transition",
]
