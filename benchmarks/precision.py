"""Mixed bfloat16 against float32: the same fit, its time and its held-out error."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.datasets import mnist, squared_error
from benchmarks.ledger import record
from benchmarks.speed import alternate
from isthmus import Autoencoder


def run() -> None:
    began = time.perf_counter()
    x, _, x_test, _ = mnist()
    train, test = x[:12_000], x_test[:5_000]
    rows = []
    for name, shape, batch in (
        ("dense 784-512-256-32, batch 128", (784,), 128),
        ("dense 784-512-256-32, batch 1024", (784,), 1024),
        ("convolutional 28 × 28, batch 128", (28, 28), 128),
    ):
        X, X_test = train.reshape(-1, *shape), test.reshape(-1, *shape)
        errors: dict[str, float] = {}

        def fit(precision: str, X=X, X_test=X_test, batch=batch, errors=errors) -> None:
            model = Autoencoder(
                latent_dim=32,
                batch_size=batch,
                max_epochs=2,
                early_stopping=False,
                precision=precision,
                random_state=0,
            ).fit(X)
            errors[precision] = squared_error(X_test, model.reconstruct(X_test))

        full, half = alternate(lambda f=fit: f("float32"), lambda f=fit: f("bfloat16"), 4)
        low, middle, high = np.percentile(full / half, [25, 50, 75])
        rows.append(
            {
                "network": name,
                "bfloat16 ÷ float32, throughput": float(middle),
                "quartiles": f"{low:.2f} – {high:.2f}",
                "squared error, float32": errors["float32"],
                "squared error, bfloat16": errors["bfloat16"],
            }
        )
        print(rows[-1], flush=True)
    record(
        "precision",
        claim="Mixed bfloat16 trains wide networks faster on a processor that multiplies in it, to "
        "a held-out error within 5 % of float32's; it is not the default.",
        rows=rows,
        holds=all(r["squared error, bfloat16"] < 1.05 * r["squared error, float32"] for r in rows)
        and rows[0]["bfloat16 ÷ float32, throughput"] > 1,
        seeds=[0],
        notes=["12,000 training images, 2 epochs, 5,000 test images; four alternating pairs."],
        seconds=time.perf_counter() - began,
    )
