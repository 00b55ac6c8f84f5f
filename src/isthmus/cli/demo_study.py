"""The study of ``isthmus demo``: autoencoders on handwritten digits, each beside its controls.

Nothing is downloaded: the digits (1797 of 8 by 8 pixels) come with scikit-learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "CODES",
    "IMAGE",
    "NOISE",
    "N_TEST",
    "RANGE",
    "Digits",
    "Study",
    "Trained",
    "gaussian_samples",
    "load_digits",
    "nearest",
    "one_thread",
    "study",
]

IMAGE = (8, 8)
RANGE = (0.0, 1.0)  # of a pixel
N_TEST = 360
CODES = 8
NOISE = 0.3  # standard deviation, where pixels lie between 0 and 1

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Digits:
    """Pictures between 0 and 1, flat, and the digits they show."""

    X_train: Floats
    X_test: Floats
    y_train: NDArray[np.int64]
    y_test: NDArray[np.int64]


@dataclass(frozen=True)
class Trained:
    """A fitted model and its measures on held-out digits, beside those of the controls.

    ``error`` (squared error an image) and ``accuracy`` (share classified correctly by a linear
    classifier on the codes) have the keys ``"model"``, ``"pca"`` and ``"untrained"``.
    """

    name: str
    estimator: Any
    n_codes: int  # length of a code
    n_active: int  # of which are in use for one digit, on average: what PCA is given
    error: dict[str, float]
    accuracy: dict[str, float]

    @property
    def title(self) -> str:
        """Name and size of the code, as the tables have it."""
        return f"{self.name}, {self.size} codes"

    @property
    def size(self) -> str:
        """Number of codes; of a sparse model, how many are in use out of how many."""
        if self.n_active == self.n_codes:
            return f"{self.n_codes}"
        return f"{self.n_active} of {self.n_codes}"


@dataclass(frozen=True)
class Study:
    """Everything that the report shows."""

    digits: Digits
    models: dict[str, Trained]
    flat: Any  # the variational model of two codes, for the map
    noisy: Floats  # X_test with noise
    seed: int


def load_digits(seed: int) -> Digits:
    """Split scikit-learn's digits into 1437 to learn from and 360 to judge on."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    pixels, labels = datasets.load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        (pixels / 16).astype(np.float32),
        labels.astype(np.int64),
        test_size=N_TEST,
        stratify=labels,
        random_state=seed,
    )
    return Digits(X_train, X_test, y_train, y_test)


def estimators(seed: int, quick: bool) -> dict[str, Any]:
    """Return the models of the demonstration, not yet fitted, by name."""
    import isthmus

    common: dict[str, Any] = {
        "latent_dim": CODES,
        "hidden_layer_sizes": (256, 128),
        "network": "dense",
        "max_epochs": 2 if quick else 150,
        "batch_size": 64,
        "learning_rate_schedule": "cosine",
        "random_state": seed,
    }
    # Pixels are between 0 and 1 but not binary: a Gaussian of learned scale weighs picture against
    # prior by how well pictures can be had, where a Bernoulli likelihood blurs them. The slow
    # start keeps the prior from switching codes off before the decoder has learned to use them.
    generative = common | {
        "likelihood": "gaussian_learned_scale",
        "scaling": None,
        "beta_warmup": 1 if quick else 30,
        "max_epochs": 2 if quick else 300,
    }
    return {
        "undercomplete": isthmus.Autoencoder(**common),
        "denoising": isthmus.DenoisingAutoencoder(
            corruption="gaussian", corruption_level=NOISE, **common
        ),
        "sparse": isthmus.SparseAutoencoder(
            sparsity="topk", k=CODES, **(common | {"latent_dim": 8 * CODES})
        ),
        "contractive": isthmus.ContractiveAutoencoder(**common),
        "variational": isthmus.VariationalAutoencoder(**generative),
        "variational-2d": isthmus.VariationalAutoencoder(**(generative | {"latent_dim": 2})),
    }


def measure(name: str, estimator: Any, digits: Digits) -> Trained:
    """Judge a fitted model on the held-out digits, and its two controls with it."""
    from isthmus.evaluation import (
        linear_probe,
        mean_active_codes,
        pca_codes,
        pca_reconstruction,
        squared_error,
    )
    from isthmus.models import untrained

    train, test = digits.X_train, digits.X_test
    raw = untrained(estimator, train)
    codes = estimator.transform(train), estimator.transform(test)
    n_codes = codes[0].shape[1]
    # Only a sparse code has zeros that mean something; in others a zero is a coincidence.
    n_active = round(mean_active_codes(codes[0])) if name == "sparse" else n_codes
    n_active = min(max(n_active, 1), train.shape[1])

    def accuracy(encoded: Any) -> float:
        return linear_probe(encoded[0], digits.y_train, encoded[1], digits.y_test)

    return Trained(
        name=name,
        estimator=estimator,
        n_codes=n_codes,
        n_active=n_active,
        error={
            "model": squared_error(test, estimator.reconstruct(test)),
            "pca": squared_error(test, pca_reconstruction(train, test, n_active)),
            "untrained": squared_error(test, raw.reconstruct(test)),
        },
        accuracy={
            "model": accuracy(codes),
            "pca": accuracy(pca_codes(train, test, n_active)),
            "untrained": accuracy((raw.transform(train), raw.transform(test))),
        },
    )


def study(seed: int = 0, quick: bool = False, console: Console | None = None) -> Study:
    """Fit and judge all models, one line of progress each.

    Parameters
    ----------
    seed : int, default 0
        Decides the split, the initial weights, the batches and the noise.
    quick : bool, default False
        Train for two epochs only: to see that everything runs, not how good it gets.
    console : rich.console.Console, optional
        Where progress goes; nowhere without it.

    Returns
    -------
    Study
        Models, measures and data.
    """
    from rich.console import Console

    console = console or Console(quiet=True)
    digits = load_digits(seed)
    models: dict[str, Trained] = {}
    for name, estimator in estimators(seed, quick).items():
        with console.status(f"training {name} ..."), one_thread():
            estimator.fit(digits.X_train)
            models[name] = measure(name, estimator, digits)
        console.print(
            f"{name:<15}{estimator.n_iter_:>4} epochs {estimator.fit_seconds_:6.1f} s   "
            f"squared error {models[name].error['model']:.2f}",
            highlight=False,
        )
    noise = np.random.default_rng(seed).normal(0.0, NOISE, digits.X_test.shape)
    return Study(
        digits=digits,
        flat=models.pop("variational-2d").estimator,
        models=models,
        noisy=np.clip(digits.X_test + noise, 0.0, 1.0).astype(np.float32),
        seed=seed,
    )


def gaussian_samples(results: Study, count: int) -> Any:
    """Draw from the Gaussian that PCA fits: the linear control of a generative model."""
    from isthmus.evaluation.codes import fit_pca

    pca = fit_pca(results.digits.X_train, CODES)
    draws = np.random.default_rng(results.seed).normal(size=(count, CODES))
    return pca.inverse_transform(draws * np.sqrt(pca.explained_variance_))


def nearest(X: Any, others: Any) -> float:
    """Return the squared distance from a row of `X` to the nearest of `others`, averaged."""
    from sklearn.neighbors import NearestNeighbors

    distances, _ = NearestNeighbors(n_neighbors=1).fit(others).kneighbors(X)
    return float(np.square(distances).mean())


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and linear algebra use one thread each, and set them back afterwards.

    For arrays this small, more threads only wait for each other: on a machine that has other work
    to do, a PCA takes thirty times as long with two.
    """
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
