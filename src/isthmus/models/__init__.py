"""The estimators: one named family a file, each a row of choices from `isthmus.nn`."""

from isthmus.models.architecture import Architecture
from isthmus.models.autoencoder import Autoencoder
from isthmus.models.base import BaseAutoencoder
from isthmus.models.classifier import AutoencoderClassifier
from isthmus.models.contractive import ContractiveAutoencoder
from isthmus.models.control import untrained
from isthmus.models.denoising import DenoisingAutoencoder
from isthmus.models.predictive_sparse import PredictiveSparseDecomposition
from isthmus.models.recirculation import RecirculationAutoencoder
from isthmus.models.sparse import SparseAutoencoder
from isthmus.models.stacked import StackedAutoencoder
from isthmus.models.stochastic import GenerativeStochasticNetwork
from isthmus.models.svdd import DeepSVDD
from isthmus.models.variational import VariationalAutoencoder

# Short names, for the command line.
ESTIMATORS: dict[str, type[BaseAutoencoder]] = {
    "autoencoder": Autoencoder,
    "sparse": SparseAutoencoder,
    "denoising": DenoisingAutoencoder,
    "contractive": ContractiveAutoencoder,
    "variational": VariationalAutoencoder,
    "stacked": StackedAutoencoder,
    "predictive_sparse": PredictiveSparseDecomposition,
    "recirculation": RecirculationAutoencoder,
    "gsn": GenerativeStochasticNetwork,
}

__all__ = [
    "ESTIMATORS",
    "Architecture",
    "Autoencoder",
    "AutoencoderClassifier",
    "BaseAutoencoder",
    "ContractiveAutoencoder",
    "DeepSVDD",
    "DenoisingAutoencoder",
    "GenerativeStochasticNetwork",
    "PredictiveSparseDecomposition",
    "RecirculationAutoencoder",
    "SparseAutoencoder",
    "StackedAutoencoder",
    "VariationalAutoencoder",
    "untrained",
]
