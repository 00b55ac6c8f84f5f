"""Sample quality of generative members with the same networks, on MNIST and Fashion-MNIST."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

import isthmus.models
from benchmarks.datasets import mnist
from benchmarks.ledger import RESULTS, record
from isthmus.evaluation import ClassifierFeatures, sample_quality
from isthmus.models import untrained

PICTURES = RESULTS / "sample_quality.npz"  # ten samples of each kind, for docs/pictures
_PARTIAL = RESULTS / "partial"  # what is done, if a run is stopped
_SHOWN = 10
_COMPONENTS = 10  # of every mixture on codes

Samples = Iterator[tuple[str, NDArray[Any], float]]


@dataclass(frozen=True)
class Method:
    """A model, and how it is sampled.

    Attributes
    ----------
    label : str
        Its name in the table.
    estimator : str
        A class of `isthmus.models`.
    own : bool
        Whether it has samples without a density put on its codes.
    mixture : bool
        Whether to put a mixture on its codes, too.
    parameters : dict
        Besides those that all share.
    """

    label: str
    estimator: str
    own: bool = True
    mixture: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> list[str]:
        """Its lines in the table."""
        return [self.label] * self.own + [f"{self.label} + mixture"] * self.mixture


METHODS = [
    Method("VAE", "VariationalAutoencoder", mixture=True),
    Method("autoencoder", "Autoencoder", own=False, mixture=True),
    Method("RAE + mixture", "RegularizedAutoencoder"),  # its own density is one
    Method("WAE-MMD", "WassersteinAutoencoder", mixture=True),
    Method("AAE", "AdversarialAutoencoder", mixture=True),
    Method("VQ-VAE", "VectorQuantizedAutoencoder", parameters={"latent_dim": 64}),
    Method("GAN", "GenerativeAdversarialNetwork"),
    Method("GAN, 40 epochs", "GenerativeAdversarialNetwork", parameters={"max_epochs": 40}),
]
_LAST_CONTROL = "PCA + mixture"
CONTROLS = ("independent pixels", "mean image", "VAE, untrained")


def controls(x: NDArray[Any], x_test: NDArray[Any], latent_dim: int, seed: int) -> Samples:
    """Yield what every model has to be compared with: name, samples, CPU seconds of the fit."""
    count, rng = len(x_test), np.random.default_rng(seed)
    yield "real, test", x_test, 0.0
    yield "real, training", x[rng.permutation(len(x))[:count]], 0.0
    yield "independent pixels", _independent(x, count, rng), 0.0
    yield "mean image", np.repeat(x.mean(0, keepdims=True), count, axis=0), 0.0
    start = time.process_time()
    x = x.astype(np.float64)
    pca = PCA(latent_dim, random_state=seed).fit(x)
    mixture = GaussianMixture(_COMPONENTS, random_state=seed).fit(pca.transform(x))
    seconds = time.process_time() - start
    # Rows of a mixture come sorted by component, which no measure here minds.
    images = pca.inverse_transform(mixture.sample(count)[0])
    yield _LAST_CONTROL, np.clip(images, 0, 1), seconds


def _independent(x: NDArray[Any], count: int, rng: np.random.Generator) -> NDArray[Any]:
    """Draw each pixel from that pixel of some training image, whatever the others are."""
    rows = rng.integers(len(x), size=(count, x.shape[1]))
    return np.take_along_axis(x, rows, axis=0)


def drawn(
    method: Method, x: NDArray[Any], count: int, settings: dict[str, Any], seed: int
) -> Samples:
    """Fit one model and yield its samples: name, samples, CPU seconds of the fit."""
    make = getattr(isthmus.models, method.estimator)
    model = make(**{**settings, **method.parameters}, random_state=seed)
    if method.label == "VAE":
        blank = untrained(model, x)
        yield "VAE, untrained", blank.sample(count, random_state=seed + 1), 0.0
    start = time.process_time()
    model.fit(x)
    seconds = time.process_time() - start
    if method.own:
        yield method.label, model.sample(count, random_state=seed + 1), seconds
    if method.mixture:
        start = time.process_time()
        model.fit_density(x, n_components=_COMPONENTS, random_state=seed)
        seconds += time.process_time() - start
        samples = model.sample(count, random_state=seed + 1)
        yield f"{method.label} + mixture", samples, seconds


def available(methods: Sequence[Method]) -> list[Method]:
    """Return the methods whose estimator there is."""
    return [method for method in methods if hasattr(isthmus.models, method.estimator)]


def table(
    x: NDArray[Any],
    y: NDArray[Any],
    x_test: NDArray[Any],
    *,
    hidden: Sequence[int],
    latent_dim: int,
    epochs: int,
    feature_epochs: int = 10,
    rows: int = 10_000,
    methods: Sequence[Method] = METHODS,
    done: dict[str, dict[str, Any]] | None = None,
    keep: Callable[[str, dict[str, Any], NDArray[Any]], None] | None = None,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Return the measures of each kind of samples by its name.

    Parameters
    ----------
    x, y : ndarray of shape (n, height, width) and (n,)
        Training images in [0, 1]: the models see them without, the features with their labels.
    x_test : ndarray of shape (m, height, width)
        Half of them is what samples are compared with, half the real samples.
    hidden, latent_dim, epochs
        Of every model.
    feature_epochs : int
        Of the classifier.
    rows : int
        Samples of each kind, at most half of the test images.
    methods : sequence of Method
        Which models.
    done : dict, optional
        What there is already.
    keep : callable, optional
        Called with the name, the measures and the samples of each kind.
    seed : int
        Of everything.
    """
    found = dict(done or {})
    left = [method for method in available(methods) if not set(method.rows) <= set(found)]
    if not left and _LAST_CONTROL in found:
        return found
    order = np.random.default_rng(seed).permutation(len(x_test))
    half = min(len(order) // 2, rows)
    reference, held_out = x_test[order[:half]], x_test[order[half : 2 * half]]
    features = ClassifierFeatures(max_epochs=feature_epochs, random_state=seed).fit(x, y)
    flat = x.reshape(len(x), -1)
    settings = {
        "hidden_layer_sizes": tuple(hidden),
        "latent_dim": latent_dim,
        "max_epochs": epochs,
        "batch_size": 128,
        "early_stopping": False,
    }

    def take(all_samples: Samples) -> None:
        for name, samples, seconds in all_samples:
            if name in found:
                continue
            images = np.asarray(samples, dtype=np.float32).reshape(-1, *x.shape[1:])
            quality = sample_quality(images, reference, features=features, random_state=seed)
            found[name] = {
                "classifier Fréchet distance": quality.classifier_frechet_distance,
                "kernel distance": quality.classifier_kernel_distance,
                "its standard error": quality.kernel_spread / quality.kernel_blocks**0.5,
                "precision": quality.precision,
                "recall": quality.recall,
                "density": quality.density,
                "coverage": quality.coverage,
                "CPU seconds": seconds,
                "accuracy of the features": quality.classifier_accuracy,
            }
            if keep is not None:
                keep(name, found[name], images)

    if _LAST_CONTROL not in found:
        take(controls(flat, held_out.reshape(half, -1), latent_dim, seed))
    for method in left:
        take(drawn(method, flat, half, settings, seed))
    return found


def run() -> None:
    began = time.process_time()
    done: dict[str, dict[str, dict[str, Any]]] = {"mnist": {}, "fashion_mnist": {}}
    pictures: dict[str, NDArray[np.uint8]] = {}
    path = _PARTIAL / "sample_quality.json"
    before, stops = 0.0, 0
    if path.exists():
        stored = json.loads(path.read_text("utf-8"))
        before, stops, done = stored.pop("seconds"), stored.pop("stops") + 1, stored
        with np.load(_PARTIAL / "sample_quality.npz") as file:
            pictures = dict(file)
    _PARTIAL.mkdir(parents=True, exist_ok=True)
    for name in done:
        x, y, x_test, _ = mnist(name)

        def keep(label: str, row: dict[str, Any], images: NDArray[Any], name: str = name) -> None:
            done[name][label] = row
            shown = np.round(images[:: len(images) // _SHOWN][:_SHOWN] * 255)
            pictures[f"{name}/{label}"] = shown.clip(0, 255).astype(np.uint8)
            seconds = before + time.process_time() - began
            state = {**done, "seconds": seconds, "stops": stops}
            path.write_text(json.dumps(state), encoding="utf-8")
            np.savez_compressed(_PARTIAL / "sample_quality.npz", **pictures)
            print(name, label, {k: round(v, 3) for k, v in row.items()}, flush=True)

        table(
            x[:20_000],
            y[:20_000],
            x_test,
            hidden=(400, 400),
            latent_dim=16,
            epochs=10,
            rows=4000,
            feature_epochs=5,
            done=done[name],
            keep=keep,
        )
    write(done, before + time.process_time() - began, stops)
    # In the order of the table, too, which is not that of a run that was stopped.
    order = sorted(pictures, key=lambda name: _place(name.partition("/")[2]))
    np.savez_compressed(PICTURES, **{name: pictures[name] for name in order})
    for file in _PARTIAL.glob("sample_quality.*"):
        file.unlink()
    if not any(_PARTIAL.iterdir()):
        _PARTIAL.rmdir()


def _place(row: str) -> int:
    """Return where a row stands in the table: controls first, as they came."""
    rows = [name for method in METHODS for name in method.rows]
    return rows.index(row) if row in rows else -1


def holds(found: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Say what of the claim is true of one data set."""
    distance = {name: row["classifier Fréchet distance"] for name, row in found.items()}
    trained = [row for method in METHODS for row in method.rows if row in found]
    pairs = [
        (method.label, f"{method.label} + mixture")
        for method in METHODS
        if method.own and method.mixture and set(method.rows) <= set(found)
    ]
    return {
        "every model is nearer than every control": max(distance[name] for name in trained)
        < min(distance[name] for name in CONTROLS),
        "real images are nearest": distance["real, test"] < min(distance[n] for n in trained),
        "a mixture on the codes helps": all(distance[b] < distance[a] for a, b in pairs),
    }


def write(done: dict[str, dict[str, dict[str, Any]]], seconds: float, stops: int) -> None:
    """Write the ledger's entry."""
    titles = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
    done = {
        name: dict(sorted(found.items(), key=lambda item: _place(item[0])))
        for name, found in done.items()
    }
    rows = [
        {
            "data": titles[name],
            "samples": label,
            **{k: v for k, v in row.items() if k != "accuracy of the features"},
        }
        for name, found in done.items()
        for label, row in found.items()
    ]
    parts = {name: holds(found) for name, found in done.items()}
    missing = [
        f"{label} on {titles[name]}"
        for name, found in done.items()
        for method in METHODS
        for label in method.rows
        if label not in found
    ]
    accuracy = {
        titles[n]: next(iter(f.values()))["accuracy of the features"] for n, f in done.items()
    }
    record(
        "sample_quality",
        claim="In the features of a small classifier, samples of every trained model are nearer "
        "to test images than independent pixels, the mean image and samples of an untrained "
        "network are; real images are nearer than all of them; and a mixture on the codes "
        "brings the samples of every model that has its own prior nearer.",
        rows=rows,
        holds=all(all(part.values()) for part in parts.values()),
        published="none: the features are of a classifier trained here, and no distance in them "
        "compares with a published FID",
        seeds=[0],
        notes=[
            "Of the claim: "
            + "; ".join(
                f"{titles[name]}: "
                + ", ".join(f"{what}: {'yes' if true else 'no'}" for what, true in part.items())
                for name, part in parts.items()
            )
            + ".",
            *([f"Not there in this run: {', '.join(missing)}."] if missing else []),
            "Every model sees the first 20,000 training images without labels, in 10 epochs of "
            "batches of 128, with 784-400-400 and back, and 16 numbers of code (64 for VQ-VAE: 16 "
            "slots of 4, each one of 64 codewords); everything else is its default. A game is not "
            "over after 10 epochs, so that there is a GAN of 40 as well. One fit each, one seed: "
            "differences between neighbours in the table may be chance.",
            "The features are the 64 last hidden units of a convolutional classifier trained on "
            "the same 20,000 images with labels; its held-out accuracy: "
            + ", ".join(f"{name} {value:.3f}" for name, value in accuracy.items())
            + ". 4,000 samples are compared with 4,000 test images; 'real, test' is 4,000 other "
            "test images, the best that can be reached.",
            "Samples are means of p(x|z), not draws from it, as the literature has it. Images of "
            "PCA are clipped to [0, 1].",
            "Precision can be high for samples that are all alike, and recall for samples that "
            "are wild, since a far-off sample has a large ball around it: see docs/measures.md. "
            "Coverage is not fooled in either way.",
            "CPU seconds are of the fit, on one thread.",
            *(
                [f"The run was stopped and continued ({stops}); rows that were done were kept."]
                * bool(stops)
            ),
        ],
        seconds=seconds,
    )
