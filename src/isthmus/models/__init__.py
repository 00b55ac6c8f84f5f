"""The estimators: a family a file, each a choice among the parts of `isthmus.nn`."""

from isthmus.models.adversarial import AdversarialAutoencoder
from isthmus.models.autoencoder import Autoencoder
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.architecture import Architecture
from isthmus.models.base.control import untrained
from isthmus.models.beta_tc import BetaTCVAE
from isthmus.models.classifier import AutoencoderClassifier
from isthmus.models.conditional_adversarial import ConditionalAdversarialAutoencoder
from isthmus.models.contractive import ContractiveAutoencoder
from isthmus.models.denoising import DenoisingAutoencoder
from isthmus.models.dip import DIPVAE
from isthmus.models.discrete import DiscreteVariationalAutoencoder
from isthmus.models.factor import FactorVAE
from isthmus.models.gan import GenerativeAdversarialNetwork
from isthmus.models.hyperspherical import HypersphericalVAE
from isthmus.models.importance import ImportanceWeightedAutoencoder
from isthmus.models.info import InfoVAE
from isthmus.models.ladder import LadderVAE
from isthmus.models.predictive_sparse import PredictiveSparseDecomposition
from isthmus.models.recirculation import RecirculationAutoencoder
from isthmus.models.regularized import RegularizedAutoencoder
from isthmus.models.saving import AutoencoderForm, ClassifierForm, DeepSVDDForm
from isthmus.models.sparse import SparseAutoencoder
from isthmus.models.stacked import StackedAutoencoder
from isthmus.models.stochastic import GenerativeStochasticNetwork
from isthmus.models.svdd import DeepSVDD
from isthmus.models.vae_gan import VAEGAN
from isthmus.models.variational import VariationalAutoencoder
from isthmus.models.vector_quantized import VectorQuantizedAutoencoder
from isthmus.models.wasserstein import WassersteinAutoencoder
from isthmus.storage import CLASSES

# Short names, for the command line.
ESTIMATORS: dict[str, type[BaseAutoencoder]] = {
    "autoencoder": Autoencoder,
    "sparse": SparseAutoencoder,
    "denoising": DenoisingAutoencoder,
    "contractive": ContractiveAutoencoder,
    "variational": VariationalAutoencoder,
    "beta_tc": BetaTCVAE,
    "dip": DIPVAE,
    "info": InfoVAE,
    "wasserstein": WassersteinAutoencoder,
    "regularized": RegularizedAutoencoder,
    "hyperspherical": HypersphericalVAE,
    "ladder": LadderVAE,
    "importance": ImportanceWeightedAutoencoder,
    "factor_vae": FactorVAE,
    "adversarial": AdversarialAutoencoder,
    "conditional_adversarial": ConditionalAdversarialAutoencoder,
    "discrete": DiscreteVariationalAutoencoder,
    "vector_quantized": VectorQuantizedAutoencoder,
    "vae_gan": VAEGAN,
    "gan": GenerativeAdversarialNetwork,
    "stacked": StackedAutoencoder,
    "predictive_sparse": PredictiveSparseDecomposition,
    "recirculation": RecirculationAutoencoder,
    "gsn": GenerativeStochasticNetwork,
}
for _estimator in ESTIMATORS.values():
    CLASSES.register(_estimator.__name__)(_estimator)

__all__ = [
    "DIPVAE",
    "ESTIMATORS",
    "VAEGAN",
    "AdversarialAutoencoder",
    "Architecture",
    "Autoencoder",
    "AutoencoderClassifier",
    "AutoencoderForm",
    "BaseAutoencoder",
    "BetaTCVAE",
    "ConditionalAdversarialAutoencoder",
    "ClassifierForm",
    "ContractiveAutoencoder",
    "DeepSVDD",
    "DeepSVDDForm",
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
    "SparseAutoencoder",
    "StackedAutoencoder",
    "VariationalAutoencoder",
    "VectorQuantizedAutoencoder",
    "WassersteinAutoencoder",
    "untrained",
]
