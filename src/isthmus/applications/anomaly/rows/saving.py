"""A fitted detector in one safe file: its members, scores, tails, calibration and threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isthmus.applications.anomaly.calibration import Calibration
from isthmus.applications.anomaly.rows.detector import AnomalyDetector
from isthmus.applications.anomaly.rows.ensemble import Member
from isthmus.applications.anomaly.scores import (
    DECODED,
    SCORES,
    Reconstruction,
    TailScale,
)
from isthmus.applications.anomaly.threshold import Threshold
from isthmus.data.table import TableEncoder
from isthmus.models import BaseAutoencoder, DeepSVDD
from isthmus.storage import FORMAT_VERSION, FORMS, Contents, Form, Stored, form_in, form_of
from isthmus.storage.values import parameters, parameters_of

__all__ = ["DetectorForm"]


@FORMS.register("detector")
class DetectorForm(Form[AnomalyDetector]):
    """A header a member, each in the form of its estimator, and what they were calibrated to."""

    holds = AnomalyDetector
    section = "members"

    def contents(self, thing: AnomalyDetector) -> Contents:
        """Return the header and the tensors of a fitted detector."""
        tensors: dict[str, Tensor] = {}
        headers = []
        for i, member in enumerate(thing.ensemble_):
            header, parts = form_of(member.estimator).contents(member.estimator)
            headers.append({**header, "scores": [score.name for score in member.scores]})
            for name, tensor in parts.items():
                tensors[f"member{i}.{name}"] = tensor
            for name, array in _arrays(member).items():
                tensors[f"member{i}.{name}"] = torch.from_numpy(np.ascontiguousarray(array))
        calibration, line = thing.calibration_, thing.threshold_
        if calibration is not None:
            tensors["calibration.oddness"] = torch.from_numpy(calibration.oddness)
        names = getattr(thing, "feature_names_in_", None)
        encoder = thing.encoder_
        header = {
            "format": FORMAT_VERSION,
            "class": type(thing).__name__,
            "parameters": parameters_of(thing),
            "members": headers,
            "threshold": None if line is None else line.to_json(),
            "calibration": None
            if calibration is None
            else {"rows": len(calibration), "held_out": calibration.held_out},
            "schema": {
                "sample_shape": [int(side) for side in thing.sample_shape_],
                "feature_names": None if names is None else [str(name) for name in names],
                "n_features_in": int(thing.n_features_in_),
            },
            "encoder": None if encoder is None else encoder.to_json(),
            "versions": headers[0]["versions"],
        }
        if isinstance(thing.estimator, DeepSVDD):  # no member of the family, which to_json knows
            header["one_class"] = parameters_of(thing.estimator)
        return header, tensors

    def rebuild(self, stored: Stored) -> AnomalyDetector:
        """Return the detector that `contents` described."""
        header = stored.header
        detector = AnomalyDetector(**parameters(AnomalyDetector, header["parameters"], None))
        if (one_class := header.get("one_class")) is not None:
            detector.estimator = DeepSVDD(**parameters(DeepSVDD, one_class, None))
        detector.ensemble_ = []
        for i, entry in enumerate(header["members"]):
            detector.ensemble_.append(_member(stored.part(entry, f"member{i}.")))
        if not detector.ensemble_:
            raise stored.damaged("the detector has no members")
        schema, calibration, line = header["schema"], header["calibration"], header["threshold"]
        detector.sample_shape_ = tuple(int(side) for side in schema["sample_shape"])
        detector.n_features_in_ = int(schema["n_features_in"])
        if (names := schema["feature_names"]) is not None:
            detector.feature_names_in_ = np.asarray([str(name) for name in names], dtype=object)
        detector.encoder_ = None
        if header["encoder"] is not None:
            detector.encoder_ = TableEncoder.from_json(header["encoder"])
        detector.calibration_ = None
        if calibration is not None:
            oddness = stored.tensors["calibration.oddness"].numpy()
            _check(oddness, (calibration["rows"],), "its calibration", stored)
            if not len(oddness) or (np.diff(oddness) < 0).any():
                raise stored.damaged("its calibration is not in order")
            detector.calibration_ = Calibration(oddness, bool(calibration["held_out"]))
        detector.threshold_ = None if line is None else _threshold(line)
        _check_fit(detector, stored)
        return detector

    def networks(self, thing: AnomalyDetector) -> list[nn.Module]:
        """Return the networks of its members."""
        return [member.module_ for member in thing.members_]


def _arrays(member: Member) -> dict[str, Any]:
    arrays: dict[str, Any] = {"usual": member.usual}
    if member.reference is not None:
        arrays |= {f"reference.{name}": array for name, array in member.reference.arrays.items()}
    for i, (score, tail) in enumerate(zip(member.scores, member.tails, strict=True)):
        arrays[f"tail{i}.levels"] = tail.levels
        arrays[f"tail{i}.scale"] = np.array([tail.scale])
        if score is not member.reference:
            arrays |= {f"score{i}.{name}": array for name, array in score.arrays.items()}
    return arrays


def _check_fit(detector: AnomalyDetector, stored: Stored) -> None:
    """Refuse a file whose parts are whole, but not of one detector."""
    autoencoders = [member.autoencoder for member in detector.ensemble_]
    encoder = detector.encoder_
    table = len(detector.sample_shape_) == 1
    columns = detector.n_features_in_ if encoder is None else encoder.n_features_in_
    fits = {
        "the shape of a sample": all(
            each.sample_shape_ == detector.sample_shape_ for each in autoencoders
        ),
        "the number of its columns": columns == detector.n_features_in_
        and (not table or encoder is not None or columns == detector.sample_shape_[0]),
        "its encoder": encoder is None
        or len(encoder.likelihoods_)
        == detector.sample_shape_[0]
        == autoencoders[0].architecture_.module_shape[0],
        "its threshold": detector.threshold_ is None
        or bool(np.isfinite(detector.threshold_.value)),
    }
    for what, good in fits.items():
        if not good:
            raise stored.damaged(f"{what} does not fit the rest")


def _threshold(stored: Mapping[str, Any]) -> Threshold:
    details = {str(name): float(value) for name, value in stored["details"].items()}
    return Threshold(str(stored["rule"]), float(stored["value"]), details)


def _member(stored: Stored) -> Member:
    estimator = form_in(stored.header).rebuild(stored)
    if not isinstance(estimator, BaseAutoencoder | DeepSVDD):
        raise stored.damaged("a member is no network that a detector has")
    estimator.module_.eval()
    names = stored.header["scores"]
    arrays = {name: tensor.numpy() for name, tensor in stored.tensors.items()}
    one_class = isinstance(estimator, DeepSVDD)
    usual = arrays["usual"]
    member = Member(estimator, [], [], None, usual)
    n_values = 1 if one_class else int(np.prod(member.autoencoder.schema_.module_shape))
    _check(usual, (n_values,), "the usual surprise", stored)
    parts = () if one_class else ("scale", "spread")
    reference = Reconstruction({name: arrays[f"reference.{name}"] for name in parts})
    for name, array in reference.arrays.items():
        if array.shape != (n_values,) or not ((array > 0) | np.isnan(array)).all():
            raise stored.damaged(f"the {name} is not what it should be")
    for i, name in enumerate(names):
        prefix = f"score{i}."
        own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        for key, array in own.items():
            _check(array, array.shape, f"{name}'s {key}", stored)
        if name not in SCORES or (name in DECODED if one_class else name == "distance"):
            raise stored.damaged(f"there is no score {name!r}")
        score = reference if name == reference.name else SCORES[name](own)
        if score is not reference and not score.fits(member.autoencoder.latent_dim_):
            raise stored.damaged(f"{name} does not fit the code")
        member.scores.append(score)
        levels, scale = arrays[f"tail{i}.levels"], arrays[f"tail{i}.scale"]
        _check(levels, (91,), "a tail", stored)
        _check(scale, (1,), "a tail's scale", stored)
        if not scale[0] > 0 or (np.diff(levels) < 0).any():
            raise stored.damaged("a tail is not what it should be")
        member.tails.append(TailScale(levels, float(scale[0])))
    if not member.scores:
        raise stored.damaged("a member has no scores")
    member.reference = None if one_class else reference
    return member


def _check(array: Any, shape: tuple[int, ...], what: str, stored: Stored) -> None:
    if array.shape != shape or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise stored.damaged(f"{what} is not what it should be")
