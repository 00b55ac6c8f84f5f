"""The estimators: one named family a file, each a row of choices from `isthmus.nn`."""

from isthmus.models.architecture import Architecture
from isthmus.models.autoencoder import Autoencoder
from isthmus.models.base import BaseAutoencoder
from isthmus.models.contractive import ContractiveAutoencoder
from isthmus.models.control import untrained
from isthmus.models.denoising import DenoisingAutoencoder
from isthmus.models.sparse import SparseAutoencoder
from isthmus.models.variational import VariationalAutoencoder

# Short names, for the command line.
ESTIMATORS: dict[str, type[BaseAutoencoder]] = {
    "autoencoder": Autoencoder,
    "sparse": SparseAutoencoder,
    "denoising": DenoisingAutoencoder,
    "contractive": ContractiveAutoencoder,
    "variational": VariationalAutoencoder,
}

__all__ = [
    "ESTIMATORS",
    "Architecture",
    "Autoencoder",
    "BaseAutoencoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "SparseAutoencoder",
    "VariationalAutoencoder",
    "untrained",
]
