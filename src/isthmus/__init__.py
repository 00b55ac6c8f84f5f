"""Isthmus: every autoencoder as a scikit-learn estimator on PyTorch.

An isthmus is the narrow strip of land that joins two larger ones; so is the code of an
autoencoder: ``x → encoder → z → decoder → x̂``.

Importing this package imports neither torch nor scikit-learn: each public name is loaded when it
is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from isthmus._version import __version__

if TYPE_CHECKING:
    from isthmus.applications.anomaly import AnomalyDetector, SeriesDetector
    from isthmus.evaluation import diagnose
    from isthmus.models import (
        DIPVAE,
        VAEGAN,
        AdversarialAutoencoder,
        Autoencoder,
        AutoencoderClassifier,
        BetaTCVAE,
        ConditionalAdversarialAutoencoder,
        ContractiveAutoencoder,
        DeepSVDD,
        DenoisingAutoencoder,
        DiscreteVariationalAutoencoder,
        FactorVAE,
        GenerativeAdversarialNetwork,
        GenerativeStochasticNetwork,
        HypersphericalVAE,
        ImportanceWeightedAutoencoder,
        InfoVAE,
        LadderVAE,
        PredictiveSparseDecomposition,
        RecirculationAutoencoder,
        RegularizedAutoencoder,
        SparseAutoencoder,
        StackedAutoencoder,
        VariationalAutoencoder,
        VectorQuantizedAutoencoder,
        WassersteinAutoencoder,
    )
    from isthmus.persistence import load

_HOME = {
    "AdversarialAutoencoder": "isthmus.models",
    "AnomalyDetector": "isthmus.applications.anomaly",
    "Autoencoder": "isthmus.models",
    "AutoencoderClassifier": "isthmus.models",
    "BetaTCVAE": "isthmus.models",
    "ConditionalAdversarialAutoencoder": "isthmus.models",
    "ContractiveAutoencoder": "isthmus.models",
    "DIPVAE": "isthmus.models",
    "DeepSVDD": "isthmus.models",
    "DenoisingAutoencoder": "isthmus.models",
    "DiscreteVariationalAutoencoder": "isthmus.models",
    "FactorVAE": "isthmus.models",
    "GenerativeAdversarialNetwork": "isthmus.models",
    "GenerativeStochasticNetwork": "isthmus.models",
    "HypersphericalVAE": "isthmus.models",
    "ImportanceWeightedAutoencoder": "isthmus.models",
    "InfoVAE": "isthmus.models",
    "LadderVAE": "isthmus.models",
    "PredictiveSparseDecomposition": "isthmus.models",
    "RecirculationAutoencoder": "isthmus.models",
    "RegularizedAutoencoder": "isthmus.models",
    "SeriesDetector": "isthmus.applications.anomaly",
    "SparseAutoencoder": "isthmus.models",
    "StackedAutoencoder": "isthmus.models",
    "VAEGAN": "isthmus.models",
    "VariationalAutoencoder": "isthmus.models",
    "VectorQuantizedAutoencoder": "isthmus.models",
    "WassersteinAutoencoder": "isthmus.models",
    "diagnose": "isthmus.evaluation",
    "load": "isthmus.persistence",
}
_ROOMS = (
    "applications",
    "cli",
    "data",
    "datasets",
    "errors",
    "evaluation",
    "geometry",
    "models",
    "nn",
    "persistence",
    "plotting",
    "storage",
    "training",
)

__all__ = [
    "DIPVAE",
    "AdversarialAutoencoder",
    "AnomalyDetector",
    "Autoencoder",
    "AutoencoderClassifier",
    "BetaTCVAE",
    "ConditionalAdversarialAutoencoder",
    "ContractiveAutoencoder",
    "DeepSVDD",
    "DenoisingAutoencoder",
    "DiscreteVariationalAutoencoder",
    "FactorVAE",
    "GenerativeAdversarialNetwork",
    "GenerativeStochasticNetwork",
    "HypersphericalVAE",
    "ImportanceWeightedAutoencoder",
    "InfoVAE",
    "LadderVAE",
    "PredictiveSparseDecomposition",
    "RecirculationAutoencoder",
    "RegularizedAutoencoder",
    "SeriesDetector",
    "SparseAutoencoder",
    "StackedAutoencoder",
    "VAEGAN",
    "VariationalAutoencoder",
    "VectorQuantizedAutoencoder",
    "WassersteinAutoencoder",
    "__version__",
    "diagnose",
    "load",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"isthmus.{name}")
    raise AttributeError(f"module 'isthmus' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_ROOMS})
