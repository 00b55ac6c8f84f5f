"""Stacked denoising autoencoders on rotated digits (Vincent et al. 2010): a linear SVM a layer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import rotate
from sklearn.multiclass import OneVsOneClassifier
from sklearn.svm import LinearSVC

from benchmarks.datasets import mnist
from benchmarks.ledger import record
from isthmus import DenoisingAutoencoder, StackedAutoencoder
from isthmus.models import untrained

PUBLISHED = {"raw pixels": 43.47, "layer 3": 10.00}
_C = (1.0, 0.1, 0.01)  # in this order, until the held-out error rises


def rotated(images: NDArray[Any], seed: int) -> NDArray[np.float32]:
    """Turn each image (n, height, width) by its own random angle; flat rows in [0, 1]."""
    angles = np.random.default_rng(seed).uniform(0, 360, len(images))
    turned = [
        rotate(image, angle, reshape=False, order=1)
        for image, angle in zip(images, angles, strict=True)
    ]
    return np.clip(np.stack(turned).reshape(len(images), -1), 0, 1).astype(np.float32)


def table(
    x: NDArray[Any],
    y: NDArray[Any],
    x_test: NDArray[Any],
    y_test: NDArray[Any],
    *,
    n_validation: int,
    sizes: Sequence[int],
    epochs: int,
    corruption_level: float = 0.25,
    precision: str = "float32",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return the test error of a linear SVM on the pixels and on each layer, with its control.

    The last `n_validation` rows choose C; neither the layers nor the machines are trained on them.
    """
    *hidden, latent_dim = sizes
    layer = DenoisingAutoencoder(
        corruption_level=corruption_level,
        tied_weights=True,
        max_epochs=epochs,
        early_stopping=False,
        batch_size=128,
        precision=precision,
    )
    stack = StackedAutoencoder(
        layer=layer,
        hidden_layer_sizes=tuple(hidden),
        latent_dim=latent_dim,
        fine_tuning=False,
        random_state=seed,
    ).fit(x[: len(x) - n_validation])
    blank = untrained(stack, x)
    rows = [_row("raw pixels", *_svm(x, y, x_test, y_test, n_validation), None)]
    layers = zip(*(m.transform_layers(d) for m in (stack, blank) for d in (x, x_test)), strict=True)
    for i, (codes, test, blank_codes, blank_test) in enumerate(layers, start=1):
        error, c = _svm(codes, y, test, y_test, n_validation)
        control = _svm(blank_codes, y, blank_test, y_test, n_validation, (c,))[0]
        rows.append(_row(f"layer {i}", error, c, control))
        print(rows[-1], flush=True)
    return rows


def run() -> None:
    began = time.perf_counter()
    x, y, x_test, y_test = mnist()
    images, labels = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    order = np.random.default_rng(0).permutation(len(images))
    turned, labels = rotated(images[order], seed=1), labels[order]
    # 10,000 to train on, 10,000 to choose by, and the 50,000 that no choice has seen.
    rows_of = np.r_[0:12_000, 62_000:70_000, 12_000:62_000]
    turned, labels = turned[rows_of], labels[rows_of]
    rows = table(
        turned[:20_000],
        labels[:20_000],
        turned[20_000:],
        labels[20_000:],
        n_validation=10_000,
        sizes=(1000, 2000, 3000),
        epochs=12,
        corruption_level=0.25,
    )
    errors = [row["test error, %"] for row in rows]
    record(
        "stacked_denoising",
        claim="On digits turned by random angles the error of a linear SVM falls with each layer "
        "of a stacked denoising autoencoder; on raw pixels it is within 4 points of the paper's.",
        rows=rows,
        holds=all(b < a for a, b in pairwise(errors))
        and abs(errors[0] - PUBLISHED["raw pixels"]) <= 4,
        published="raw pixels 43.47, three layers 10.00 (Vincent et al. 2010, table 5, as "
        "cited), on the authors' own rotated digits",
        seeds=[0],
        notes=[
            "10,000 training images, 10,000 validation images and 50,000 test images: all 70,000 "
            "digits, in the order of seed 0, turned by angles of 0 to 360 degrees, seed 1. The "
            "paper has 10,000, 2,000 and 50,000.",
            "The machines are one against one; a first run with one against the rest had 49.05 on "
            "raw pixels. C is chosen for each row of the table on the validation images, from "
            "1, 0.1 and 0.01.",
            "Masking noise of 0.25, layers of 1000, 2000 and 3000 tied sigmoid units, 12 epochs a "
            "layer, no fine-tuning, no labels. Chosen on the validation images: with a noise of "
            "0.4 or 0.55 the second layer has fewer errors and the third as many or more; three "
            "layers of 1000 units have more, and the third did not fall; six settings before were "
            "compared by ridge regression on the codes. Long training is worse: after 60 epochs "
            "units saturate.",
        ],
        seconds=time.perf_counter() - began,
    )


def _svm(
    x: NDArray[Any],
    y: NDArray[Any],
    x_test: NDArray[Any],
    y_test: NDArray[Any],
    n_validation: int,
    strengths: Sequence[float] = _C,
) -> tuple[float, float]:
    """Return the test error in % of a linear SVM, and the C that held-out rows chose."""
    cut = len(x) - n_validation
    best, error, chosen = np.inf, np.nan, 0.0
    for c in strengths:
        # A machine for each pair of classes, as LIBSVM and so the paper has them.
        model = OneVsOneClassifier(LinearSVC(C=c, dual=False, tol=1e-2)).fit(x[:cut], y[:cut])
        held_out = float((_predict(model, x[cut:]) != y[cut:]).mean())
        if held_out >= best:
            break
        best, chosen = held_out, c
        error = float(100 * (_predict(model, x_test) != y_test).mean())
    return error, chosen


def _predict(model: OneVsOneClassifier, x: NDArray[Any]) -> NDArray[Any]:
    """Do what the model's `predict` does, by one product of matrices: minutes less here."""
    weights = np.stack([machine.coef_[0] for machine in model.estimators_]).astype(x.dtype)
    margins = x @ weights.T + np.array([machine.intercept_[0] for machine in model.estimators_])
    n_classes = len(model.classes_)
    votes, sums = np.zeros((2, len(x), n_classes))
    for margin, (i, j) in zip(margins.T, combinations(range(n_classes), 2), strict=True):
        votes[:, i] += margin <= 0
        votes[:, j] += margin > 0
        sums[:, i] -= margin
        sums[:, j] += margin
    # The sum of the margins decides between classes of as many votes.
    return model.classes_[(votes + sums / (3 * (np.abs(sums) + 1))).argmax(1)]


def _row(name: str, error: float, c: float, control: float | None) -> dict[str, Any]:
    return {
        "features": name,
        "test error, %": error,
        "untrained, %": control,
        "published, %": PUBLISHED.get(name),
        "C": c,
    }
