"""A fitted detector in one safe file: its members, scores, tails, calibration and threshold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from isthmus import persistence
from isthmus.applications.anomaly.calibration import Calibration
from isthmus.applications.anomaly.detector import AnomalyDetector
from isthmus.applications.anomaly.evidence import Network
from isthmus.applications.anomaly.members import Member, codec
from isthmus.applications.anomaly.scores import DECODED, SCORES, Reconstruction, make_score
from isthmus.applications.anomaly.surprise import TailScale
from isthmus.applications.anomaly.threshold import Threshold
from isthmus.errors import ModelFileError
from isthmus.models import DeepSVDD
from isthmus.persistence.svdd import rebuild_svdd, svdd_contents
from isthmus.tensorfile import write_tensor_file

if TYPE_CHECKING:
    from torch import nn

    from isthmus.models import BaseAutoencoder

__all__ = ["contents", "rebuild", "save"]


def save(detector: AnomalyDetector, path: str | os.PathLike[str]) -> None:
    """Write a fitted detector; see `AnomalyDetector.save`."""
    write_tensor_file(path, persistence.KIND, *contents(detector))


def contents(detector: AnomalyDetector) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header and the tensors of a detector: all that JSON and safetensors hold of it."""
    tensors: dict[str, Tensor] = {}
    headers = []
    for i, member in enumerate(detector._members):
        model = member.estimator
        one_class = isinstance(model, DeepSVDD)
        header, parts = svdd_contents(model) if one_class else persistence.contents(model)
        headers.append({**header, "scores": [score.name for score in member.scores]})
        for name, tensor in parts.items():
            tensors[f"member{i}.{name}"] = tensor
        for name, array in _arrays(member).items():
            tensors[f"member{i}.{name}"] = torch.from_numpy(np.ascontiguousarray(array))
    calibration, line = detector.calibration_, detector.threshold_
    if calibration is not None:
        tensors["calibration.oddness"] = torch.from_numpy(calibration.oddness)
    names = getattr(detector, "feature_names_in_", None)
    encoder = detector.encoder_
    parameters = detector.get_params(deep=False)
    header = {
        "format": persistence.FORMAT_VERSION,
        "class": type(detector).__name__,
        "parameters": {name: persistence.to_json(value) for name, value in parameters.items()},
        "members": headers,
        "threshold": None if line is None else line.to_json(),
        "calibration": None
        if calibration is None
        else {"rows": len(calibration), "held_out": calibration.held_out},
        "schema": {
            "sample_shape": [int(side) for side in detector.sample_shape_],
            "feature_names": None if names is None else [str(name) for name in names],
            "n_features_in": int(detector.n_features_in_),
        },
        "encoder": None if encoder is None else encoder.to_json(),
        "versions": headers[0]["versions"],
    }
    if isinstance(detector.estimator, DeepSVDD):  # no member of the family, which to_json knows
        own = detector.estimator.get_params(deep=False)
        header["one_class"] = {name: persistence.to_json(value) for name, value in own.items()}
    return header, tensors


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


def rebuild(
    header: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    network: tuple[nn.Module, nn.Module] | None,
    estimator: type[BaseAutoencoder] | None,
) -> AnomalyDetector:
    """Make a detector from what `contents` returned; see `isthmus.load`.

    Raises
    ------
    ModelFileError
        If something in the file is not what was written there.
    """
    detector = AnomalyDetector(
        **persistence.parameters(AnomalyDetector, header["parameters"], None)
    )
    if (own := header.get("one_class")) is not None:
        detector.estimator = DeepSVDD(**persistence.parameters(DeepSVDD, own, None))
    detector._members = []
    for i, stored in enumerate(header["members"]):
        prefix = f"member{i}."
        parts = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        model: Network
        if "svdd" in stored:
            model = rebuild_svdd(stored, parts, path)
        else:
            model = persistence.rebuild(stored, parts, path, network, estimator)
        model.module_.eval()
        arrays = {name: part.numpy() for name, part in parts.items()}
        detector._members.append(_member(model, stored["scores"], arrays, path))
    if not detector._members:
        raise ModelFileError(f"{path} is damaged: the detector has no members")
    schema, calibration, line = header["schema"], header["calibration"], header["threshold"]
    detector.sample_shape_ = tuple(int(side) for side in schema["sample_shape"])
    detector.n_features_in_ = int(schema["n_features_in"])
    if (names := schema["feature_names"]) is not None:
        detector.feature_names_in_ = np.asarray([str(name) for name in names], dtype=object)
    detector.encoder_ = None
    if header["encoder"] is not None:
        from isthmus.data.table import TableEncoder

        detector.encoder_ = TableEncoder.from_json(header["encoder"])
    detector.calibration_ = None
    if calibration is not None:
        oddness = tensors["calibration.oddness"].numpy()
        _check(oddness, (calibration["rows"],), "its calibration", path)
        if not len(oddness) or (np.diff(oddness) < 0).any():
            raise ModelFileError(f"{path} is damaged: its calibration is not in order")
        detector.calibration_ = Calibration(oddness, bool(calibration["held_out"]))
    detector._set_threshold(None if line is None else _threshold(line))
    _check_fit(detector, path)
    return detector


def _check_fit(detector: AnomalyDetector, path: str | os.PathLike[str]) -> None:
    """Refuse a file whose parts are whole, but not of one detector."""
    first = codec(detector.members_[0])
    encoder = detector.encoder_
    table = len(detector.sample_shape_) == 1
    columns = detector.n_features_in_ if encoder is None else encoder.n_features_in_
    fits = {
        "the shape of a sample": all(
            codec(member).sample_shape_ == detector.sample_shape_ for member in detector.members_
        ),
        "the number of its columns": columns == detector.n_features_in_
        and (not table or encoder is not None or columns == detector.sample_shape_[0]),
        "its encoder": encoder is None
        or len(encoder.likelihoods_)
        == detector.sample_shape_[0]
        == first.architecture_.module_shape[0],
        "its threshold": detector.threshold_ is None
        or bool(np.isfinite(detector.threshold_.value)),
    }
    for what, good in fits.items():
        if not good:
            raise ModelFileError(f"{path} is damaged: {what} does not fit the rest")


def _threshold(stored: Mapping[str, Any]) -> Threshold:
    details = {str(name): float(value) for name, value in stored["details"].items()}
    return Threshold(str(stored["rule"]), float(stored["value"]), details)


def _member(
    estimator: Network,
    names: list[str],
    arrays: Mapping[str, Any],
    path: str | os.PathLike[str],
) -> Member:
    one_class = isinstance(estimator, DeepSVDD)
    n_values = 1 if one_class else int(np.prod(codec(estimator).schema_.module_shape))
    usual = arrays["usual"]
    _check(usual, (n_values,), "the usual surprise", path)
    parts = () if one_class else ("scale", "spread")
    reference = Reconstruction({name: arrays[f"reference.{name}"] for name in parts})
    for name, array in reference.arrays.items():
        if array.shape != (n_values,) or not ((array > 0) | np.isnan(array)).all():
            raise ModelFileError(f"{path} is damaged: the {name} is not what it should be")
    scores, tails = [], []
    for i, name in enumerate(names):
        prefix = f"score{i}."
        own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        for key, array in own.items():
            _check(array, array.shape, f"{name}'s {key}", path)
        if name not in SCORES or (name in DECODED if one_class else name == "distance"):
            raise ModelFileError(f"{path} is damaged: there is no score {name!r}")
        score = reference if name == reference.name else make_score(name, own)
        if score is not reference and not score.fits(codec(estimator).latent_dim_):
            raise ModelFileError(f"{path} is damaged: {name} does not fit the code")
        scores.append(score)
        levels, scale = arrays[f"tail{i}.levels"], arrays[f"tail{i}.scale"]
        _check(levels, (91,), "a tail", path)
        _check(scale, (1,), "a tail's scale", path)
        if not scale[0] > 0 or (np.diff(levels) < 0).any():
            raise ModelFileError(f"{path} is damaged: a tail is not what it should be")
        tails.append(TailScale(levels, float(scale[0])))
    if not scores:
        raise ModelFileError(f"{path} is damaged: a member has no scores")
    return Member(estimator, scores, tails, None if one_class else reference, usual)


def _check(array: Any, shape: tuple[int, ...], what: str, path: str | os.PathLike[str]) -> None:
    if array.shape != shape or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ModelFileError(f"{path} is damaged: {what} is not what it should be")
