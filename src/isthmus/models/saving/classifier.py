"""What a classifier adds to the file of its autoencoder."""

from __future__ import annotations

import numpy as np
from sklearn.frozen import FrozenEstimator
from torch import nn

from isthmus.errors import ModelFileError
from isthmus.models.classifier import AutoencoderClassifier
from isthmus.models.saving.autoencoder import AutoencoderForm
from isthmus.storage.classes import FORMS, Contents, Form, Stored
from isthmus.storage.values import CUSTOM, from_json, in_words, parameters, parameters_of, to_json
from isthmus.training import History

__all__ = ["ClassifierForm"]


@FORMS.register("classifier")
class ClassifierForm(Form[AutoencoderClassifier]):
    """The form of the file of its autoencoder, with the head and an entry of its own."""

    holds = AutoencoderClassifier
    section = "classifier"

    def contents(self, thing: AutoencoderClassifier) -> Contents:
        header, tensors = AutoencoderForm().contents(thing.autoencoder_)
        own = parameters_of(thing)
        del own["autoencoder"]
        header[self.section] = {
            "parameters": own,
            "autoencoder": to_json(
                thing.autoencoder.estimator if thing.is_frozen else thing.autoencoder
            ),
            "frozen": thing.is_frozen,
            "classes": thing.classes_.tolist(),
            "n_labelled": thing.n_labelled_,
            "history": thing.history_.records,
            "n_iter": thing.n_iter_,
            "fit_seconds": thing.fit_seconds_,
            "outcome": thing.outcome_,
        }
        head = thing.module_.state_dict()
        return header, tensors | {f"head.{k}": head[f"head.{k}"] for k in ("weight", "bias")}

    def rebuild(self, stored: Stored) -> AutoencoderClassifier:
        autoencoder = AutoencoderForm().rebuild(stored)
        entry = stored.header[self.section]
        model = AutoencoderClassifier(
            **parameters(AutoencoderClassifier, entry["parameters"], None)
        )
        # The weights of before the fine-tuning are not in the file: a frozen one comes back
        # unfitted.
        given = entry["autoencoder"]
        given = None if given is None or CUSTOM in given else from_json(given)
        model.autoencoder = FrozenEstimator(given) if entry["frozen"] else given
        classes = np.asarray(entry["classes"])
        flat = classes.ndim == 1 and len(classes) > 1 and classes.dtype.kind in "biufU"
        if not flat or len(np.unique(classes)) != len(classes):
            raise stored.damaged("its classes are not what they should be")
        model.classes_ = classes
        model.autoencoder_ = autoencoder
        head = {name: stored.tensors[f"head.{name}"] for name in ("weight", "bias")}
        shapes = {"weight": (len(classes), autoencoder.latent_dim_), "bias": (len(classes),)}
        for name, shape in shapes.items():
            if in_words(head[name]) != f"{shape} of float32":
                raise ModelFileError(
                    f"{stored.path} does not fit its network: head.{name} should be {shape} of "
                    f"float32; in the file it is {in_words(head[name])}"
                )
        module = model.assemble()
        module.head.load_state_dict(head)
        model.module_ = module
        model.history_ = History(entry["history"])
        model.n_iter_, model.n_labelled_ = int(entry["n_iter"]), int(entry["n_labelled"])
        model.fit_seconds_, model.outcome_ = float(entry["fit_seconds"]), str(entry["outcome"])
        return model

    def networks(self, thing: AutoencoderClassifier) -> list[nn.Module]:
        return [thing.module_]
