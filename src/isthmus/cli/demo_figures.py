"""The figures of the demonstration: rows of digits, curves, a map, and one picture of it all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.cli.demo_study import CODES, IMAGE, RANGE
from isthmus.evaluation import pca_reconstruction
from isthmus.plotting import image_rows, latent_map, learning_curves, sample_grid
from isthmus.plotting._style import PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isthmus.cli.demo_study import Study

__all__ = [
    "curves",
    "denoised",
    "digit_map",
    "one_of_each",
    "picture",
    "reconstructions",
    "samples",
]


def one_of_each(results: Study) -> list[int]:
    """Return the row of the first held-out picture of each digit."""
    labels = results.digits.y_test
    return [int(np.flatnonzero(labels == digit)[0]) for digit in np.unique(labels)]


def reconstructions(results: Study) -> dict[str, Any]:
    """Return one picture of each digit, and what each model and PCA restore of it."""
    test = results.digits.X_test[one_of_each(results)]
    rows: dict[str, Any] = {"original": test}
    for trained in results.models.values():
        rows[trained.title] = trained.estimator.reconstruct(test)
    rows[f"PCA, {CODES} codes"] = pca_reconstruction(results.digits.X_train, test, CODES)
    return rows


def denoised(results: Study) -> dict[str, Any]:
    """Return one picture of each digit: clean, with noise, and cleaned."""
    chosen = one_of_each(results)
    return {
        "original": results.digits.X_test[chosen],
        "noisy": results.noisy[chosen],
        "denoised": results.models["denoising"].estimator.reconstruct(results.noisy[chosen]),
    }


def samples(results: Study, count: int = 48) -> Any:
    """Draw digits from the variational model."""
    return results.models["variational"].estimator.sample(count, random_state=results.seed)


def curves(results: Study) -> Figure:
    """Return the loss of each model over the epochs."""
    from matplotlib.figure import Figure

    columns = 3
    lines = -(-len(results.models) // columns)
    figure = Figure(figsize=(9.4, 2.6 * lines), layout="constrained", facecolor=PAPER)
    for number, trained in enumerate(results.models.values(), start=1):
        axes = figure.add_subplot(lines, columns, number)
        learning_curves(trained.estimator.history_, title=trained.name, ax=axes)
        if (number - 1) % columns:
            axes.set_ylabel("")
        legend = axes.get_legend()
        if legend is not None and number > 1:
            legend.remove()
    return figure


def digit_map(results: Study, **how: Any) -> Figure:
    """Return all digits as points in the plane; `how` goes to `isthmus.plotting.latent_map`."""
    digits = results.digits
    codes = results.flat.transform(np.concatenate([digits.X_train, digits.X_test]))
    return latent_map(codes, np.concatenate([digits.y_train, digits.y_test]), **how)


def picture(results: Study) -> Figure:
    """Return one wide picture of it all, for a front page.

    Parameters
    ----------
    results : Study
        What was fitted.

    Returns
    -------
    matplotlib.figure.Figure
        12 by 4.45 inches.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.45), layout="constrained", facecolor=PAPER)
    grid = figure.add_gridspec(3, 2, width_ratios=(1.5, 1))
    restored, cleaned = reconstructions(results), denoised(results)
    blocks: tuple[tuple[str, dict[str, Any]], ...] = (
        (
            f"Compressed to {CODES} numbers",
            {
                "original": restored["original"],
                "restored": restored[results.models["undercomplete"].title],
            },
        ),
        ("Cleaned", {"noisy": cleaned["noisy"], "cleaned": cleaned["denoised"]}),
    )
    for number, (title, rows) in enumerate(blocks):
        axes = figure.add_subplot(grid[number, 0])
        image_rows(rows, image_shape=IMAGE, value_range=RANGE, title=title, ax=axes)
    sample_grid(
        samples(results, 20), image_shape=IMAGE, value_range=RANGE, n_columns=10,
        title="Digits that nobody wrote", ax=figure.add_subplot(grid[2, 0]),
    )  # fmt: skip
    digit_map(results, title="A map drawn without labels", ax=figure.add_subplot(grid[:, 1]))
    return figure
