"""k-sparse autoencoders (Makhzani & Frey 2013): logistic regression on the codes of MNIST."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.datasets import mnist
from benchmarks.ledger import record
from isthmus import SparseAutoencoder
from isthmus.evaluation import code_statistics
from isthmus.models import untrained

_C = 0.01  # inverse strength of the L2 penalty
PUBLISHED = {"raw pixels": 7.20, 10: 2.10, 25: 1.35, 40: 1.54}


def table(
    x: NDArray[Any],
    y: NDArray[Any],
    x_test: NDArray[Any],
    y_test: NDArray[Any],
    *,
    n_units: int,
    ks: Sequence[int],
    epochs: int,
    n_validation: int,
    k_start: int | str = "auto",
    alphas: Sequence[float] = (1, 2, 3),
    precision: str = "float32",
    seeds: Sequence[int] = (0,),
) -> list[dict[str, Any]]:
    """Return the test error of logistic regression on the codes for each k, and of the controls."""
    cut = len(x) - n_validation
    rows = [_row("raw pixels", None, [_error(x, y, x_test, y_test)], PUBLISHED["raw pixels"])]
    for k in ks:
        errors, chosen, dead, blank_errors = [], [], [], []
        for seed in seeds:
            model = SparseAutoencoder(
                sparsity="topk",
                k=k,
                k_start=k_start,
                latent_dim=n_units,
                tied_weights=True,
                likelihood="gaussian",
                scaling="center",
                max_epochs=epochs,
                batch_size=128,
                early_stopping=False,
                precision=precision,
                random_state=seed,
            ).fit(x)
            # αk units at the time of encoding, as in the paper; α is chosen on held-out labels.
            validation = {}
            for alpha in alphas:
                model.module_.latent.alpha = alpha
                codes = model.transform(x)
                validation[alpha] = _error(codes[:cut], y[:cut], codes[cut:], y[cut:])
            alpha = min(validation, key=lambda a: validation[a])
            model.module_.latent.alpha = alpha
            codes, test = model.transform(x), model.transform(x_test)
            errors.append(_error(codes, y, test, y_test))
            chosen.append(alpha)
            model.module_.latent.alpha = 1
            dead.append(code_statistics(model.transform(x_test)).n_dead)
            print(k, seed, validation, errors[-1], dead[-1], flush=True)
        blank = untrained(model, x)
        blank_errors.append(_error(blank.transform(x), y, blank.transform(x_test), y_test))
        rows.append(_row(f"k = {k}, untrained", None, blank_errors, None))
        rows.append(_row(f"k = {k}", chosen, errors, PUBLISHED.get(k), dead))
    return rows


def run() -> None:
    began = time.perf_counter()
    x, y, x_test, y_test = mnist()
    seeds = (0, 1, 2)
    rows = table(
        x.reshape(len(x), -1),
        y,
        x_test.reshape(len(x_test), -1),
        y_test,
        n_units=1000,
        ks=(10, 25, 40),
        epochs=40,
        n_validation=10_000,
        k_start=100,
        precision="bfloat16",
        seeds=seeds,
    )
    ours = {row["features"]: row["test error, %"] for row in rows}
    best = min(ours["k = 10"], ours["k = 25"], ours["k = 40"])
    order = ours["k = 25"] < ours["k = 40"] < ours["k = 10"] < ours["raw pixels"]
    record(
        "k_sparse",
        claim="Logistic regression on the codes of 1000 units has the paper's order of test errors "
        "on MNIST (k = 25, 40, 10, raw pixels), and the best k is within 0.35 points of 1.35.",
        rows=rows,
        holds=bool(order and abs(best - 1.35) <= 0.35),
        published="k = 10 2.10, k = 25 1.35, k = 40 1.54, raw pixels 7.20 (Makhzani & Frey 2013, "
        "arXiv:1312.5663, as cited)",
        seeds=list(seeds),
        notes=[
            "Tied linear layers and squared error on pixels less their mean; the active units fall "
            "from 100 to k over the first half of 40 epochs. α is chosen among 1, 2 and 3 on the "
            "last 10,000 training images, whose labels also chose the centring, the start of the "
            "schedule and the strength of the regression, by k = 25. Without centring, and with "
            "500 units at the start, 182 to 453 of the 1000 units were dead and the errors 2.48, "
            "2.12 and 2.65. A wider choice of α (up to 20) brought k = 10 from 2.16 to 1.85 on "
            "those labels and did little for the others (one seed each). Dead units are those "
            "that no test image uses.",
            "The standard error of an error of 1.5 % on 10,000 images is 0.12 points.",
        ],
        seconds=time.perf_counter() - began,
    )


def _error(x: NDArray[Any], y: NDArray[Any], x_test: NDArray[Any], y_test: NDArray[Any]) -> float:
    """Return the test error in % of logistic regression on features in units of their deviation."""
    scale = x.std()  # of all together: units that are rarely active must not be blown up
    model = LogisticRegression(C=_C, max_iter=200, tol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # stopped by max_iter: more would overfit
        model.fit(x / scale, y)
    return float(100 * (model.predict(x_test / scale) != y_test).mean())


def _row(
    name: str,
    alphas: Sequence[float] | None,
    errors: Sequence[float],
    published: float | None,
    dead: Sequence[int] | None = None,
) -> dict[str, Any]:
    return {
        "features": name,
        "test error, %": float(np.mean(errors)),
        "±": float(np.std(errors)),
        "published, %": published,
        "α": None if alphas is None else ", ".join(f"{a:g}" for a in alphas),
        "dead units": None if dead is None else ", ".join(map(str, dead)),
    }
