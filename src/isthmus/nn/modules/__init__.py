"""The formula as modules: `AutoencoderModule`, and the members that override a stage or a term."""

from isthmus.nn.modules.adversarial import AdversarialModule, ConditionalAdversarialModule
from isthmus.nn.modules.base import MODULES, AutoencoderModule
from isthmus.nn.modules.classifier import ClassifierModule
from isthmus.nn.modules.critic import Critic, CriticisedModule
from isthmus.nn.modules.factor import FactorModule
from isthmus.nn.modules.gan import GANModule
from isthmus.nn.modules.importance import ImportanceWeightedModule
from isthmus.nn.modules.losses import Losses
from isthmus.nn.modules.one_class import OneClassModule, UnbiasedModule
from isthmus.nn.modules.predictive_sparse import PredictiveSparseModule
from isthmus.nn.modules.sparse_inference import fista
from isthmus.nn.modules.transition import transition
from isthmus.nn.modules.vae_gan import VAEGANModule
from isthmus.nn.record import Record

# Names of earlier versions. What the decoder sees of a code is now the code's own affair
# (`Latent.decoded`), and what a move goes through is the record.
HypersphericalModule = LadderModule = AutoencoderModule
Move = Record

__all__ = [
    "MODULES",
    "AdversarialModule",
    "AutoencoderModule",
    "ClassifierModule",
    "ConditionalAdversarialModule",
    "Critic",
    "CriticisedModule",
    "FactorModule",
    "GANModule",
    "HypersphericalModule",
    "ImportanceWeightedModule",
    "LadderModule",
    "Losses",
    "Move",
    "OneClassModule",
    "PredictiveSparseModule",
    "UnbiasedModule",
    "VAEGANModule",
    "fista",
    "transition",
]
