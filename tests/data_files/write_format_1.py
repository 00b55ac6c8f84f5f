"""Write the files of `format_1`: what Isthmus saved while its format was 1, and what it computed.

Run it with an Isthmus that writes format 1, version 0.1 and no later: the files show that what
people saved then is still read now, so a newer version must not write them anew.

    PYTHONPATH=src python tests/data_files/write_format_1.py

Each case of `CASES` becomes `format_1/CASE.safetensors`. Inputs and outputs go into
`format_1/expected.npz`: "inputs/NAME" is an array and "inputs/NAME:COLUMN" a column of a table,
"CASE/input" and "CASE/condition" the names of what the case was fitted to, "CASE/rows" where the
rows begin and end that results are kept of (a detector was fitted to those before), and
"CASE/METHOD" what that method returned for them ("CASE/inverse_transform" for the codes in
"CASE/transform").
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PLACE = Path(__file__).parent / "format_1"

_rng = np.random.default_rng(20)
_table = _rng.normal(size=(24, 5)) @ _rng.normal(size=(5, 5))
_binary = (_table > 0).astype(float)
INPUTS: dict[str, Any] = {
    "table": _table,
    "binary": _binary,
    "unit": 1 / (1 + np.exp(-_table)),
    "classes": _rng.integers(0, 3, (24, 4)),
    "levels": _rng.integers(0, 16, (24, 6, 6)).astype(np.uint8),
    "mixed columns": np.column_stack(
        [_table[:, 0], _binary[:, 1], _rng.integers(0, 4, 24), _table[:, 2]]
    ),
    "holes": np.where(_rng.random(_table.shape) < 0.2, np.nan, _table),
    "signal": np.cumsum(_rng.normal(size=(16, 12, 2)), axis=1),
    "images": _rng.random((16, 8, 8)),
    "colours": _rng.random((12, 8, 8, 3)),
    "labels": np.array(["a", "b", "c"] * 8),
    "amounts": _table[:, :2] * 3 + 1,
    "rows": _rng.normal(size=(80, 3)) @ _rng.normal(size=(3, 3)),
    "series": np.column_stack([np.sin(np.arange(240) / 3), np.cos(np.arange(240) / 5)])
    + 0.1 * _rng.normal(size=(240, 2)),
    "frame": pd.DataFrame(
        {
            "price": _rng.lognormal(size=60),
            "colour": _rng.choice(["red", "green", "blue"], 60),
            "count": _rng.integers(0, 9, 60),
            "sold": _rng.random(60) < 0.4,
        }
    ),
}

for _name, _value in INPUTS.items():
    if isinstance(_value, np.ndarray) and _value.dtype == np.float64:
        INPUTS[_name] = _value.astype(np.float32)  # half the size on disk

SMALL: dict[str, Any] = {
    "latent_dim": 2,
    "hidden_layer_sizes": (5,),
    "max_epochs": 2,
    "batch_size": 8,
    "learning_rate": 0.01,
    "random_state": 0,
}
_critic = {"critic_hidden_layer_sizes": (5,)}
_one_layer = {"hidden_layer_sizes": ()}
_convolutional = {"network": "convolutional", "channels": (3, 4)}

# Name: estimator, parameters besides `SMALL`, data, condition.
CASES: dict[str, tuple[str, dict[str, Any], str, str | None]] = {
    "autoencoder": ("Autoencoder", {}, "table", None),
    "autoencoder_linear": ("Autoencoder", _one_layer, "table", None),
    "autoencoder_tied": ("Autoencoder", {"tied_weights": True}, "table", None),
    "autoencoder_dropout_batch": (
        "Autoencoder",
        {"normalization": "batch", "dropout": 0.1},
        "table",
        None,
    ),
    "autoencoder_layer_norm": ("Autoencoder", {"normalization": "layer"}, "table", None),
    "autoencoder_sigmoid_code": ("Autoencoder", {"latent_activation": "sigmoid"}, "table", None),
    "autoencoder_missing": ("Autoencoder", {"missing": "ignore"}, "holes", None),
    "autoencoder_mixed": ("Autoencoder", {}, "mixed columns", None),
    "autoencoder_several_likelihoods": (
        "Autoencoder",
        {"likelihood": ["laplace", "bernoulli", "categorical:4", "gaussian_learned_scale"]},
        "mixed columns",
        None,
    ),
    "autoencoder_bernoulli": ("Autoencoder", {"likelihood": "bernoulli"}, "binary", None),
    "autoencoder_continuous_bernoulli": (
        "Autoencoder",
        {"likelihood": "continuous_bernoulli"},
        "unit",
        None,
    ),
    "autoencoder_laplace": ("Autoencoder", {"likelihood": "laplace"}, "table", None),
    "autoencoder_learned_scale": (
        "Autoencoder",
        {"likelihood": "gaussian_learned_scale"},
        "table",
        None,
    ),
    "autoencoder_predicted_scale": (
        "Autoencoder",
        {"likelihood": "gaussian_predicted_scale"},
        "table",
        None,
    ),
    "autoencoder_categorical": ("Autoencoder", {"likelihood": "categorical"}, "classes", None),
    "autoencoder_discretized_logistic": (
        "Autoencoder",
        {"likelihood": "discretized_logistic", "network": "dense"},
        "levels",
        None,
    ),
    "autoencoder_signal": ("Autoencoder", _convolutional, "signal", None),
    "autoencoder_images": ("Autoencoder", _convolutional, "images", None),
    "autoencoder_colours": ("Autoencoder", _convolutional, "colours", None),
    "autoencoder_lstm": ("Autoencoder", {"network": "lstm"}, "signal", None),
    "autoencoder_gru": ("Autoencoder", {"network": "gru"}, "signal", None),
    "autoencoder_density_mixture": ("Autoencoder", {}, "table", None),
    "autoencoder_density_flow": ("Autoencoder", {}, "table", None),
    "sparse_l1": ("SparseAutoencoder", {}, "table", None),
    "sparse_kl": ("SparseAutoencoder", {"sparsity": "kl"}, "table", None),
    "sparse_topk": (
        "SparseAutoencoder",
        {"sparsity": "topk", "k": 2, "alpha": 1.5, "latent_dim": 6},
        "table",
        None,
    ),
    **{
        f"denoising_{kind}": ("DenoisingAutoencoder", {"corruption": kind}, "table", None)
        for kind in ("masking", "gaussian", "salt_and_pepper")
    },
    "contractive": ("ContractiveAutoencoder", {"curvature": 0.1}, "table", None),
    "variational": ("VariationalAutoencoder", {}, "table", None),
    "variational_bernoulli": ("VariationalAutoencoder", {}, "binary", None),
    "variational_missing": ("VariationalAutoencoder", {"missing": "ignore"}, "holes", None),
    "variational_images": ("VariationalAutoencoder", _convolutional, "images", None),
    **{
        f"variational_{prior}_prior": (
            "VariationalAutoencoder",
            {"prior": prior, **({} if prior == "flow" else {"n_components": 3})},
            "table",
            None,
        )
        for prior in ("mixture", "vamp", "flow")
    },
    "variational_flow_posterior": ("VariationalAutoencoder", {"posterior": "flow"}, "table", None),
    "variational_conditional": (
        "VariationalAutoencoder",
        {"conditional": True},
        "table",
        "labels",
    ),
    "variational_amounts": ("VariationalAutoencoder", {"conditional": True}, "table", "amounts"),
    "beta_tc": ("BetaTCVAE", {}, "table", None),
    "dip": ("DIPVAE", {}, "table", None),
    "info": ("InfoVAE", {}, "table", None),
    "wasserstein": ("WassersteinAutoencoder", {}, "table", None),
    "regularized": ("RegularizedAutoencoder", {}, "table", None),
    "hyperspherical": ("HypersphericalVAE", {"latent_dim": 3}, "table", None),
    "ladder": (
        "LadderVAE",
        {"latent_dim": "auto", "latent_dims": (2, 2), "level_hidden": 5},
        "table",
        None,
    ),
    "importance": ("ImportanceWeightedAutoencoder", {}, "table", None),
    **{
        f"importance_{gradient}": (
            "ImportanceWeightedAutoencoder",
            {
                "gradient": gradient,
                "n_importance_samples": 4,
                **({} if gradient == "ciwae" else {"n_groups": 2}),
            },
            "table",
            None,
        )
        for gradient in ("ciwae", "miwae", "piwae")
    },
    "factor_vae": ("FactorVAE", _critic, "table", None),
    "adversarial": ("AdversarialAutoencoder", _critic, "table", None),
    "adversarial_conditional": (
        "AdversarialAutoencoder",
        {**_critic, "conditional": True},
        "table",
        "labels",
    ),
    "conditional_adversarial": ("ConditionalAdversarialAutoencoder", _critic, "table", "amounts"),
    "discrete_categorical": (
        "DiscreteVariationalAutoencoder",
        {"latent_dim": 6, "n_classes": 3},
        "table",
        None,
    ),
    "discrete_bits": (
        "DiscreteVariationalAutoencoder",
        {"latent_dim": 3, "code": "bernoulli"},
        "table",
        None,
    ),
    "vector_quantized_vq": (
        "VectorQuantizedAutoencoder",
        {"latent_dim": 4, "code_dim": 2, "n_codes": 6, "prior_units": 4},
        "table",
        None,
    ),
    "vector_quantized_fsq": (
        "VectorQuantizedAutoencoder",
        {"latent_dim": 4, "quantizer": "fsq", "levels": (4, 3), "prior_units": 4},
        "table",
        None,
    ),
    "vector_quantized_images": (
        "VectorQuantizedAutoencoder",
        {**_convolutional, "latent_dim": "auto", "n_codes": 6, "prior_units": 4},
        "images",
        None,
    ),
    "vae_gan": ("VAEGAN", _critic, "table", None),
    "vae_gan_images": ("VAEGAN", {**_critic, **_convolutional}, "images", None),
    "gan": ("GenerativeAdversarialNetwork", _critic, "table", None),
    "gan_conditional": (
        "GenerativeAdversarialNetwork",
        {**_critic, "conditional": True},
        "table",
        "labels",
    ),
    "stacked": ("StackedAutoencoder", {"hidden_layer_sizes": (5, 4)}, "table", None),
    "predictive_sparse": (
        "PredictiveSparseDecomposition",
        {**_one_layer, "latent_dim": 6},
        "table",
        None,
    ),
    "recirculation": ("RecirculationAutoencoder", _one_layer, "table", None),
    **{
        f"gsn_{kind}": (
            "GenerativeStochasticNetwork",
            {"corruption": kind, "corruption_level": 0.2},
            "unit" if kind == "salt_and_pepper" else "table",
            None,
        )
        for kind in ("masking", "gaussian", "salt_and_pepper")
    },
}
DETECTORS = {
    "detector": "rows",
    "detector_own_estimator": "rows",
    "detector_frame": "frame",
    "series_detector": "series",
}
ROWS = 8  # for which results are kept, of an autoencoder
METHODS = ("transform", "reconstruct", "score_samples")


def make(case: str) -> Any:
    """Return the estimator of a case, not yet fitted."""
    import isthmus.models

    name, parameters, *_ = CASES[case]
    return getattr(isthmus.models, name)(**{**SMALL, **parameters})


def main() -> None:
    """Write all files."""
    import torch

    from isthmus.models import ESTIMATORS
    from isthmus.persistence import FORMAT_VERSION

    if FORMAT_VERSION != 1:
        raise SystemExit(f"this Isthmus writes format {FORMAT_VERSION}; take one that writes 1")
    missing = {c.__name__ for c in ESTIMATORS.values()} - {name for name, *_ in CASES.values()}
    assert not missing, missing
    torch.set_num_threads(1)
    PLACE.mkdir(exist_ok=True)
    expected: dict[str, Any] = {}
    for name, value in INPUTS.items():
        if isinstance(value, pd.DataFrame):
            for column in value.columns:
                numbers = value[column].to_numpy()
                expected[f"inputs/{name}:{column}"] = (
                    numbers.astype(str) if column == "colour" else numbers
                )
        else:
            expected[f"inputs/{name}"] = value
    for case, (_, _, data, condition) in CASES.items():
        X = INPUTS[data]
        y = () if condition is None else (INPUTS[condition],)
        model = make(case).fit(X, *y)
        if "density" in case:
            model.fit_density(X, kind=case.rpartition("_")[2], random_state=0)
        model.save(PLACE / f"{case}.safetensors")
        for method in METHODS:
            expected[f"{case}/{method}"] = getattr(model, method)(X[:ROWS], *(c[:ROWS] for c in y))
        codes = expected[f"{case}/transform"]
        inverse = model.inverse_transform(codes, *(c[:ROWS] for c in y))
        expected[f"{case}/inverse_transform"] = inverse
        expected[f"{case}/rows"] = np.array([0, ROWS])
        expected[f"{case}/input"] = np.array(data)
        if condition is not None:
            expected[f"{case}/condition"] = np.array(condition)
    _classifier(expected)
    _detectors(expected)
    _checkpoint()
    np.savez_compressed(PLACE / "expected.npz", allow_pickle=False, **expected)


def _classifier(expected: dict[str, Any]) -> None:
    from isthmus import AutoencoderClassifier, StackedAutoencoder

    X, y = INPUTS["table"], INPUTS["labels"]
    base = StackedAutoencoder(**{**SMALL, "hidden_layer_sizes": (5, 4)})
    settings = {k: SMALL[k] for k in ("max_epochs", "batch_size", "learning_rate", "random_state")}
    model = AutoencoderClassifier(autoencoder=base, **settings).fit(X, y)
    model.save(PLACE / "classifier.safetensors")
    expected["classifier/input"] = np.array("table")
    expected["classifier/rows"] = np.array([0, len(X)])
    expected["classifier/predict_proba"] = model.predict_proba(X)


def _detectors(expected: dict[str, Any]) -> None:
    from isthmus import AnomalyDetector, Autoencoder, DeepSVDD, SeriesDetector
    from isthmus.models import VariationalAutoencoder

    small = VariationalAutoencoder(**SMALL)
    plain = Autoencoder(**SMALL)
    detectors: dict[str, Any] = {
        "detector": AnomalyDetector(random_state=0),
        "detector_own_estimator": AnomalyDetector(estimator=small, n_members=2, random_state=0),
        "detector_frame": AnomalyDetector(estimator=plain, n_members=1, random_state=0),
        "series_detector": SeriesDetector(
            AnomalyDetector(estimator=plain, n_members=1), window=8, random_state=0
        ),
        "deep_svdd": DeepSVDD(**SMALL, pretraining_epochs=1),
    }
    for case, detector in detectors.items():
        data = DETECTORS.get(case, "rows")
        X = INPUTS[data]
        # A row of the fit ties with itself in the calibration: last bits would decide a p-value.
        start = len(X) * 3 // 4
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few rows for a calibration
            detector.fit(X[:start])
        detector.save(PLACE / f"{case}.safetensors")
        for method in ("predict", "score_samples", "p_values"):
            if hasattr(detector, method):
                expected[f"{case}/{method}"] = getattr(detector, method)(X[start:])
        expected[f"{case}/input"] = np.array(data)
        expected[f"{case}/rows"] = np.array([start, len(X)])


def _checkpoint() -> None:
    """Write the checkpoint of a fit of two epochs to "table"."""
    path = PLACE / "checkpoint.safetensors"
    path.unlink(missing_ok=True)
    make("autoencoder").set_params(checkpoint=path).fit(INPUTS["table"])


if __name__ == "__main__":
    main()
