"""How the estimators become files and come back: a form for the family and one for each other."""

from isthmus.models.saving.autoencoder import AutoencoderForm
from isthmus.models.saving.classifier import ClassifierForm
from isthmus.models.saving.svdd import DeepSVDDForm

__all__ = ["AutoencoderForm", "ClassifierForm", "DeepSVDDForm"]
