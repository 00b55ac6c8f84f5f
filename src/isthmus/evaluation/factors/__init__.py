"""Disentanglement: codes beside ground-truth factors, by the measures of the field.

A table of codes and factors is all they need: groups of samples that share a factor are rows of
the table, and nothing is rendered.
"""

from isthmus.evaluation.factors.groups import beta_vae_score, factor_vae_score
from isthmus.evaluation.factors.importance import DCI, dci
from isthmus.evaluation.factors.information import modularity, mutual_information_gap
from isthmus.evaluation.factors.prediction import explicitness, sap_score
from isthmus.evaluation.factors.summary import Disentanglement, disentanglement

__all__ = [
    "DCI",
    "Disentanglement",
    "beta_vae_score",
    "dci",
    "disentanglement",
    "explicitness",
    "factor_vae_score",
    "modularity",
    "mutual_information_gap",
    "sap_score",
]
