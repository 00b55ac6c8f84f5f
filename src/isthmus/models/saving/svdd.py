"""What Deep SVDD adds to the file of its autoencoder."""

from __future__ import annotations

import math
from dataclasses import replace

from torch import nn

from isthmus.errors import ModelFileError
from isthmus.models.saving.autoencoder import AutoencoderForm
from isthmus.models.svdd import DeepSVDD, DeepSVDDAutoencoder
from isthmus.storage.classes import FORMS, Contents, Form, Stored
from isthmus.storage.values import in_words, parameters, parameters_of
from isthmus.training import History

__all__ = ["DeepSVDDForm"]

_CENTRE = "svdd.centre"


@FORMS.register("svdd")
class DeepSVDDForm(Form[DeepSVDD]):
    """The form of the file of its autoencoder, with the centre and an entry of its own."""

    holds = DeepSVDD
    section = "svdd"

    def contents(self, thing: DeepSVDD) -> Contents:
        header, tensors = AutoencoderForm().contents(thing.autoencoder_)
        header["class"] = type(thing).__name__
        header[self.section] = {
            "parameters": parameters_of(thing),
            "offset": thing.offset_,
            "spread": thing.spread_,
            "history": thing.history_.records,
            "n_iter": thing.n_iter_,
            "fit_seconds": thing.fit_seconds_,
            "outcome": thing.outcome_,
        }
        return header, {**tensors, _CENTRE: thing.module_.state_dict()["centre"]}

    def rebuild(self, stored: Stored) -> DeepSVDD:
        entry = stored.header[self.section]
        model = DeepSVDD(**parameters(DeepSVDD, entry["parameters"], None))
        # Its autoencoder is no member of the family that files may name, and has no parts of the
        # user's own.
        header = {**stored.header, "class": DeepSVDDAutoencoder.__name__}
        inner = replace(stored, header=header, parts={}, estimator=DeepSVDDAutoencoder)
        autoencoder = AutoencoderForm().rebuild(inner)
        assert isinstance(autoencoder, DeepSVDDAutoencoder)
        model.autoencoder_ = autoencoder
        expected, found = f"{(autoencoder.latent_dim_,)} of float32", stored.tensors[_CENTRE]
        if in_words(found) != expected:
            raise ModelFileError(
                f"{stored.path} does not fit its network: {_CENTRE} should be {expected}; in the "
                f"file it is {in_words(found)}"
            )
        model.module_ = model.assemble(found)
        model.offset_, model.spread_ = float(entry["offset"]), float(entry["spread"])
        model.history_, model.n_iter_ = History(entry["history"]), int(entry["n_iter"])
        model.fit_seconds_, model.outcome_ = float(entry["fit_seconds"]), str(entry["outcome"])
        state = model.module_.state_dict().values()
        fits = {
            "threshold": math.isfinite(model.offset_) and math.isfinite(model.spread_),
            # A score of NaN is beyond no threshold.
            "network": all(bool(part.isfinite().all()) for part in state),
            "n_iter": model.n_iter_ >= 0,
            "fit_seconds": 0 <= model.fit_seconds_ < math.inf,
        }
        for what, fitting in fits.items():
            if not fitting:
                raise stored.damaged(f"its {what} is not what it should be")
        return model

    def networks(self, thing: DeepSVDD) -> list[nn.Module]:
        return [thing.module_]
