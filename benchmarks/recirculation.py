"""Recirculation beside back-propagation: the 4-2-4 encoder, digits, and the angle between them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from benchmarks.datasets import squared_error
from benchmarks.ledger import record
from isthmus import Autoencoder, RecirculationAutoencoder
from isthmus.models import BaseAutoencoder, untrained
from isthmus.training import TrainingConfig, TrainingState, recirculation, train
from isthmus.training.recirculation import alignment

RULES = ("recirculation", "back-propagation")


def make(rule: str, **parameters: Any) -> BaseAutoencoder:
    """Return the same network, one logistic hidden layer and untied weights, with either rule."""
    if rule == "recirculation":
        return RecirculationAutoencoder(**parameters)
    return Autoencoder(hidden_layer_sizes=(), latent_activation="sigmoid", **parameters)


def encoder_problem(rule: str, seeds: Sequence[int], sweeps: int = 500) -> list[dict[str, Any]]:
    """Learn four one-hot patterns through two hidden units; one dict a seed."""
    patterns = np.eye(4, dtype=np.float32)
    results = []
    for seed in seeds:
        model = make(
            rule,
            latent_dim=2,
            learning_rate=0.1,
            learning_rate_schedule="constant",
            max_epochs=sweeps,
            early_stopping=False,
            random_state=seed,
        ).fit(patterns)
        shown = model.reconstruct(patterns)
        results.append(
            {
                "learned": bool((np.rint(shown) == patterns).all()),
                "error": squared_error(patterns, shown),
            }
        )
    return results


def digits(
    rule: str, train_rows: NDArray[Any], test_rows: NDArray[Any], seed: int, **parameters: Any
) -> float:
    """Return the squared error of held-out digits."""
    model = make(rule, random_state=seed, learning_rate=0.01, **parameters).fit(train_rows)
    return squared_error(test_rows, model.reconstruct(test_rows))


def cosines(
    rows: NDArray[Any], seed: int, epochs: int = 30, latent_dim: int = 32, regression: float = 0.75
) -> list[dict[str, float]]:
    """Train by recirculation; return the cosine of change and −gradient before and after epochs."""
    blank = untrained(RecirculationAutoencoder(latent_dim=latent_dim, random_state=seed), rows)
    module, x = blank.module_, blank.to_tensors(rows, None)[0]
    found = [alignment(module, x, regression)]

    def look(state: TrainingState, log: dict[str, float]) -> None:
        found.append(alignment(state.module, x, regression))

    config = TrainingConfig(
        max_epochs=epochs, batch_size=32, learning_rate=0.01, early_stopping=False, seed=seed
    )
    train(module, x, config=config, step=recirculation(regression), after_epoch=[look])
    return found


def _row(problem: str, rule: str, measure: str, values: Sequence[float]) -> dict[str, Any]:
    return {
        "problem": problem,
        "rule or model": rule,
        "measure": measure,
        "mean": float(np.mean(values)),
        "standard deviation": float(np.std(values)),
        "lowest": float(np.min(values)),
        "highest": float(np.max(values)),
        "seeds": len(values),
    }


def run() -> None:
    began = time.perf_counter()
    rows, learned, errors = [], {}, {}
    for rule in RULES:
        results = encoder_problem(rule, range(20))
        learned[rule] = [float(result["learned"]) for result in results]
        problem = "4-2-4, 500 sweeps"
        rows.append(_row(problem, rule, "share of seeds that learned it", learned[rule]))
        rows.append(_row(problem, rule, "squared error", [result["error"] for result in results]))

    X = (load_digits().data / 16).astype(np.float32)
    X = X[np.random.default_rng(0).permutation(len(X))]
    train_rows, test_rows = X[:1400], X[1400:]
    problem, measure = "digits, 32 hidden units", "squared error, held out"
    for rule in RULES:
        errors[rule] = [
            digits(rule, train_rows, test_rows, seed, latent_dim=32, max_epochs=100)
            for seed in range(5)
        ]
        rows.append(_row(problem, rule, measure, errors[rule]))
    blank = [
        squared_error(test_rows, untrained(make("recirculation", latent_dim=32, random_state=seed),
        train_rows).reconstruct(test_rows))
        for seed in range(5)
    ]  # fmt: skip
    rows.append(_row(problem, "untrained", measure, blank))
    pca = PCA(32).fit(train_rows)
    pca_error = squared_error(test_rows, pca.inverse_transform(pca.transform(test_rows)))
    rows.append(_row(problem, "PCA", measure, [pca_error]))
    mean = squared_error(test_rows, train_rows.mean(0)[None])
    rows.append(_row(problem, "mean image", measure, [mean]))

    angles = [cosines(train_rows, seed) for seed in range(5)]
    for epoch in (0, 1, 3, 10, 30):
        for part in ("encoder", "decoder", "all"):
            values = [found[epoch][part] for found in angles]
            what = f"cosine with −gradient, {part}, after {epoch} epochs"
            rows.append(_row(problem, "recirculation", what, values))
    late = [found["all"] for history in angles for found in history[3:]]
    record(
        "recirculation",
        claim="Recirculation learns the 4-2-4 encoder in at least 18 of 20 runs; on digits with 32 "
        "hidden units its held-out error is below a fifth of that of the mean image and at most "
        "twice that of back-propagation; and from the third epoch on its change of all weights "
        "points along the negative gradient (cosine above 0.5, every seed and epoch).",
        rows=rows,
        holds=sum(learned["recirculation"]) >= 18
        and np.mean(errors["recirculation"]) < mean / 5
        and np.mean(errors["recirculation"]) <= 2 * np.mean(errors["back-propagation"])
        and min(late) > 0.5,
        published="the 4-2-4 encoder is learned, in more sweeps than by back-propagation (Hinton & "
        "McClelland 1988, as cited; plain gradient steps, so that sweeps do not compare)",
        seeds=list(range(20)),
        notes=[
            "Both rules train the same network with Adam and the same learning rate (0.1 for "
            "4-2-4, 0.01 for digits, with the cosine schedule there), λ = 0.75. Learned: every "
            "output of every pattern rounds to its value.",
            "Squared error of a sample, summed over its values in [0, 1]. Cosines are over all "
            "training rows at once; without Adam's scaling.",
        ],
        seconds=time.perf_counter() - began,
    )


if __name__ == "__main__":
    run()
