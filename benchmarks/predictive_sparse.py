"""Predictive sparse decomposition on MNIST: the predictor's codes against the optimised ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from benchmarks.datasets import mnist
from benchmarks.ledger import record
from isthmus import PredictiveSparseDecomposition
from isthmus.evaluation import linear_probe
from isthmus.models import untrained
from isthmus.nn import PredictiveSparseModule, fista
from isthmus.nn.modules.sparse_inference import sparse_objective

REPEATS = 7  # the fastest counts: other work on the machine only slows
STEPS = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128, 181, 256)
COLUMNS = ("images/s", "objective", "over the minimum", "zeros, %", "probe accuracy")


def compare(
    x: NDArray[Any],
    y: NDArray[Any],
    x_test: NDArray[Any],
    y_test: NDArray[Any],
    **parameters: Any,
) -> dict[str, dict[str, float]]:
    """Fit on flat images in [0, 1]; return what each way to find codes costs and gives."""
    model = PredictiveSparseDecomposition(**parameters).fit(x)
    rows = _codes(model, "", x, y, x_test, y_test)
    blank = untrained(model, x)
    rows |= _codes(blank, "untrained: ", x, y, x_test, y_test, searched=False)
    pca = PCA(min(model.latent_dim_, min(x.shape) - 1), random_state=0).fit(x)
    for name, codes, test in (
        ("PCA", pca.transform(x), pca.transform(x_test)),
        ("pixels", x, x_test),
    ):
        rows[name] = dict.fromkeys(COLUMNS, float("nan"))
        rows[name]["probe accuracy"] = linear_probe(codes, y, test, y_test)
    return rows


def _codes(
    model: PredictiveSparseDecomposition,
    prefix: str,
    x: NDArray[Any],
    y: NDArray[Any],
    x_test: NDArray[Any],
    y_test: NDArray[Any],
    searched: bool = True,
) -> dict[str, dict[str, float]]:
    module = model.module_
    assert isinstance(module, PredictiveSparseModule)
    with torch.no_grad():
        data, _ = model.to_tensors(x_test, None)
        centred, atoms = (
            data - module.decode_parameters(torch.zeros(1, model.latent_dim_)),
            (module.dictionary),
        )

        def row(function: Callable[[], torch.Tensor], train: NDArray[Any] | None) -> dict[str, Any]:
            seconds = float("inf")
            for _ in range(REPEATS):
                start = time.perf_counter()
                z = function()
                seconds = min(seconds, time.perf_counter() - start)
            objective = float(sparse_objective(z, centred, atoms, module.sparsity_weight).mean())
            probe = float("nan")
            if train is not None:
                probe = linear_probe(train, y, z.numpy(), y_test)
            share = 100 * float((z == 0).double().mean())
            return dict(
                zip(
                    COLUMNS,
                    (len(z) / seconds, objective, objective / best, share, probe),
                    strict=True,
                )
            )

        best = 1.0
        searches = {n: _search(centred, atoms, module.sparsity_weight, n) for n in STEPS}
        optimal = _search(centred, atoms, module.sparsity_weight, 1000, 1e-5)
        best = row(optimal, None)["objective"]
        predictor = row(lambda: module.encode(data), model.transform(x))
        rows = {f"{prefix}predictor": predictor}
        if searched:
            objectives = {
                n: float(sparse_objective(search(), centred, atoms, module.sparsity_weight).mean())
                for n, search in searches.items()
            }
            for name, enough in (
                ("FISTA from 0, as good as the predictor", predictor["objective"]),
                ("FISTA from 0, within 1 %", 1.01 * best),
            ):
                n = next((n for n, value in objectives.items() if value <= enough), STEPS[-1])
                rows[f"{prefix}{name}"] = {**row(searches[n], None), "steps": n}
        exact = model.sparse_encode(x, tolerance=1e-3)
        rows[f"{prefix}FISTA, to a gap of 0.1 %"] = row(
            lambda: module.infer(data, module.encode(data), n_steps=1000, tolerance=1e-3), exact
        )
    return rows


def _search(
    x: torch.Tensor, atoms: torch.Tensor, l1: float, n_steps: int, tolerance: float | None = None
) -> Callable[[], torch.Tensor]:
    return lambda: fista(x, atoms, l1, n_steps=n_steps, tolerance=tolerance)


def run() -> None:
    began = time.perf_counter()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        results = []
        x, y, x_test, y_test = mnist()
        flat, flat_test = x.reshape(len(x), -1), x_test.reshape(len(x_test), -1)
        for seed in (0, 1, 2):
            rows = np.random.default_rng(seed).permutation(len(x))[:5000]
            results.append(
                compare(
                    flat[rows], y[rows], flat_test[:2000], y_test[:2000],
                    latent_dim=256, batch_size=64, max_epochs=12, random_state=seed,
                )
            )  # fmt: skip
            print(results[-1], flush=True)
    finally:
        torch.set_num_threads(threads)

    def mean(name: str, column: str) -> float:
        return float(np.mean([result[name].get(column, np.nan) for result in results]))

    def spread(name: str, column: str) -> float:
        return float(np.std([result[name][column] for result in results]))

    table: list[dict[str, Any]] = []
    for name in results[0]:
        values: dict[str, Any] = {column: mean(name, column) for column in COLUMNS}
        values["±"] = spread(name, "probe accuracy")
        steps = mean(name, "steps")
        table.append(
            {
                "codes": name if np.isnan(steps) else f"{name} ({steps:.0f} steps)",
                **{key: None if np.isnan(value) else value for key, value in values.items()},
            }
        )
    same, near = "FISTA from 0, as good as the predictor", "FISTA from 0, within 1 %"
    exact = "FISTA, to a gap of 0.1 %"
    as_good, faster = (
        mean("predictor", "images/s") / mean(name, "images/s") for name in (same, near)
    )
    record(
        "predictive_sparse",
        claim="The predictor of predictive sparse decomposition gives codes at least 5 times as "
        "fast as FISTA comes within 1 % of the minimum, its objective is at most 1.5 times the "
        "minimum, and a linear probe on its codes is at most 0.01 less accurate than on the "
        "optimised ones.",
        rows=table,
        holds=faster >= 5
        and mean("predictor", "over the minimum") <= 1.5
        and mean("predictor", "probe accuracy") >= mean(exact, "probe accuracy") - 0.01,
        published="a predictor over 100 times as fast as optimisation, whose features classify at "
        "least as well (Kavukcuoglu, Ranzato & LeCun 2008, as cited; other data and code)",
        seeds=[0, 1, 2],
        notes=[
            "5,000 MNIST images of 784 pixels in [0, 1] to learn 256 atoms from, λ = 0.2, α = 1, "
            "12 epochs; 2,000 test images; one thread, the fastest of 7 runs. Means of three "
            "seeds; ± is the standard deviation of the probe accuracy.",
            "Objective: ½‖x − Dz − b‖² + λ‖z‖₁ an image, for FISTA and predictor alike; the "
            "minimum is that of 1,000 steps or a duality gap of 0.001 %.",
            "The steps of FISTA are the fewest of 1, 2, 3, 4, 6, 8, 11, … that are enough for the "
            f"mean objective. The predictor is {faster:.1f} times as fast as FISTA to within 1 %, "
            f"and {as_good:.1f} times as fast as FISTA to the predictor's own objective.",
        ],
        seconds=time.perf_counter() - began,
    )


if __name__ == "__main__":
    run()
