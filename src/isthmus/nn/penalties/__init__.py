"""Ω: the penalties, and how one of your own is written (`isthmus.nn.penalties.base`)."""

from isthmus.nn.penalties.base import PENALTIES, Penalty
from isthmus.nn.penalties.contraction import Contractive
from isthmus.nn.penalties.covariance import CovariancePenalty
from isthmus.nn.penalties.curvature import HigherOrderContractive
from isthmus.nn.penalties.decoder import CodeNorm, DecoderGradient, DecoderWeights
from isthmus.nn.penalties.discrepancy import MaximumMeanDiscrepancy, squared_mmd
from isthmus.nn.penalties.quantization import Commitment, Perplexity
from isthmus.nn.penalties.rate import Capacity, FreeBits
from isthmus.nn.penalties.sparsity import L1, KLSparsity
from isthmus.nn.penalties.total_correlation import TotalCorrelation

__all__ = [
    "L1",
    "PENALTIES",
    "Capacity",
    "CodeNorm",
    "Commitment",
    "Contractive",
    "CovariancePenalty",
    "DecoderGradient",
    "DecoderWeights",
    "FreeBits",
    "HigherOrderContractive",
    "KLSparsity",
    "MaximumMeanDiscrepancy",
    "Penalty",
    "Perplexity",
    "TotalCorrelation",
    "squared_mmd",
]
