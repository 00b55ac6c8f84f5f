"""The measurement of a fitted estimator on rows of data: what is drawn, and what is asked of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing
from torch import Tensor

from isthmus.data.containers import is_frame, is_tensor
from isthmus.data.fences import Fences
from isthmus.data.schema import Schema
from isthmus.errors import InvalidInputError
from isthmus.evaluation import probes
from isthmus.evaluation.codes import code_statistics, fit_pca
from isthmus.evaluation.evidence import USED, Evidence
from isthmus.models.base import BaseAutoencoder
from isthmus.models.base.inference import map_rows
from isthmus.nn import TopK
from isthmus.training import History, draw_seed

__all__ = ["measure"]

Rows = NDArray[np.float64]

_FEWEST = 4  # rows: half of them for PCA, and two to compare
_MOST = 2000  # rows that are looked at; more change no judgement
_VALUES = 1 << 21  # of all rows together, so that PCA of large images stays quick
_MOSTLY = 0.8  # the share of one value from which an R² is one of a few rows
_PAIRS = 1000  # rows of which all distances are taken
_SLOPES = 128  # rows through which gradients are taken


class _Model:
    """A fitted estimator, and how it is asked about scaled rows."""

    def __init__(self, estimator: BaseAutoencoder) -> None:
        self.estimator = estimator
        self.module = estimator.module_

    def prepare(self, X: Any, y: Any) -> tuple[Tensor, Tensor | None]:
        return self.estimator.to_tensors(X, y)

    def features(self, x: Tensor) -> Rows:
        return _flat(probes.features(self.module.likelihood, x).numpy())

    def reconstruct(self, x: Tensor, c: Tensor | None) -> Rows:
        def both_ways(part: Tensor, condition: Tensor | None) -> Tensor:
            return self._decode(self.module.encode(part, condition), condition)

        return _flat(map_rows(self.module, both_ways, x, c))

    def codes(self, x: Tensor, c: Tensor | None) -> Rows:
        return _flat(map_rows(self.module, self.module.encode, x, c))

    def decode(self, z: Rows, c: Tensor | None) -> Rows:
        return _flat(map_rows(self.module, self._decode, torch.from_numpy(z).float(), c))

    def posterior(self, x: Tensor, c: Tensor | None) -> probes.PosteriorMeasures:
        return probes.posterior_measures(self.module, x, c)

    def _decode(self, z: Tensor, c: Tensor | None) -> Tensor:
        parameters = self.module.decode_parameters(z, c)
        return probes.expected_features(self.module.likelihood, parameters)


def measure(
    estimator: BaseAutoencoder,
    X: Any,
    y: Any = None,
    *,
    X_train: Any = None,
    y_train: Any = None,
    random_state: int | np.random.RandomState | None = 0,
) -> Evidence:
    """Measure what `isthmus.diagnose` judges from; see there for the parameters.

    Parameters
    ----------
    estimator, X, y, X_train, y_train, random_state
        As in `isthmus.diagnose`.
    """
    rng = np.random.default_rng(draw_seed(random_state))
    model = _Model(estimator)
    values = estimator.schema_.n_values
    most = int(np.clip(_VALUES // values, 200, _MOST))
    given = _count(X, "X")
    x, c = model.prepare(*_draw(X, y, most, rng))
    f = _usual(model.features(x))
    trained_on = None
    if X_train is not None:
        _count(X_train, "X_train")
        if estimator.condition_ is not None and y_train is None:
            raise InvalidInputError(
                "y_train: a conditional model needs the condition of X_train as well; got None"
            )
        trained_on = model.prepare(*_draw(X_train, y_train, most, rng))
    base = f if trained_on is None else _usual(model.features(trained_on[0]))
    mean = np.nan_to_num(_mean(base))
    with probes.watch_units(model.module) as units:
        back = model.reconstruct(x, c)
    z = model.codes(x, c)
    x_shuffled = _shuffled(x, rng)
    train_error = math.nan
    if trained_on is not None:
        train_error = _share(base, model.reconstruct(*trained_on), mean)
    statistics = code_statistics(z)
    posterior = model.posterior(x, c)
    says = posterior.information_per_code
    if posterior.divergence_per_code.size:
        says = posterior.divergence_per_code
    in_use = max(1, int((says >= USED).sum())) if says.size else z.shape[1]
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    remembered = (x, c) if trained_on is None else trained_on
    return Evidence(
        rows=len(x),
        rows_given=given,
        train_rows=0 if trained_on is None else len(base),
        values=values,
        latent_dim=z.shape[1],
        error=_share(f, back, mean),
        train_error=train_error,
        shuffled_error=_share(model.features(x_shuffled), model.reconstruct(x_shuffled, c), mean),
        **_by_column(estimator, x, f, back),
        **_beside_pca(f, back, None if trained_on is None else base, in_use, rng),
        jacobian_trace=probes.jacobian_trace(
            model.module,
            x[:_SLOPES],
            None if c is None else c[:_SLOPES],
            torch.from_numpy(_deviation(x)),
            generator,
        ),
        **_neighbourhoods(model, *remembered, mean, generator),
        variance_per_code=z.var(axis=0),
        active_share=statistics.active_share,
        divergence=posterior.divergence,
        divergence_per_code=posterior.divergence_per_code,
        information_per_code=posterior.information_per_code,
        dead_codes=statistics.n_dead,
        effective_codes=_participation(z),
        kept_codes=latent.k if isinstance(latent := model.module.latent, TopK) else 0,
        relu_units=units.relu,
        dead_units=units.dead,
        bounded_units=units.bounded,
        saturated_units=units.saturated,
        **_training(estimator),
    )


def _usual(rows: Rows) -> Rows:
    """Return rows with NaN for values so far from all others that one would outweigh the rest."""
    fences = Fences.of(rows, Schema((rows.shape[1],), "table"))
    return np.where((rows < fences.low) | (rows > fences.high), np.nan, rows)


def _by_column(estimator: BaseAutoencoder, x: Tensor, f: Rows, back: Rows) -> dict[str, Any]:
    """Return how well each value is reconstructed, and whether columns are as in the fit."""
    mean = _mean(f)
    total = np.nansum(np.square(f - mean), axis=0)
    left = np.nansum(np.square(f - back), axis=0)
    usual = np.nanmedian(np.where(np.isnan(f).all(axis=0), 0.0, f), axis=0)
    varies = (total > 0) & (np.mean(f == usual, axis=0) <= _MOSTLY)
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = np.where(varies, 1 - left / total, np.nan)
    worst = ""
    if np.isfinite(r2).any():
        place = int(np.nanargmin(r2))
        names = estimator.column_names
        worst = names[place] if names is not None and len(names) == len(r2) else str(place)
    method = estimator.scaler_.method
    channels = x.numpy().astype(np.float64).swapaxes(0, 1).reshape(x.shape[1], -1).T
    standardised = method in ("robust", "standard")
    unknown = np.full(x.shape[1], np.nan)
    return {
        "r2_per_column": r2,
        "worst_column": worst,
        "location": _mean(channels) if standardised else unknown,
        "spread": _deviation_of(channels) if standardised else unknown,
        "in_bytes": float(np.nanmax(channels)) if method == "bytes" else math.nan,
    }


def _deviation_of(rows: Rows) -> Rows:
    return np.sqrt(_mean(np.square(rows - _mean(rows))))


def _count(X: Any, name: str) -> int:
    count = len(X) if hasattr(X, "__len__") else 0
    if count < _FEWEST:
        raise InvalidInputError(
            f"{name}: expected at least {_FEWEST} rows; got {count}; give more of the data"
        )
    return count


def _draw(X: Any, y: Any, most: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return at most that many rows, in their order, and their conditions."""
    if len(X) <= most:
        return X, y
    rows = np.sort(rng.choice(len(X), most, replace=False))
    return _rows_of(X, rows), y if y is None or np.ndim(y) == 0 else _rows_of(y, rows)


def _rows_of(X: Any, rows: NDArray[np.int64]) -> Any:
    if is_tensor(X):
        return X[torch.from_numpy(rows).to(X.device)]
    if is_frame(X) or hasattr(X, "iloc"):
        return _safe_indexing(X, rows)
    return np.asarray(X)[rows]


def _flat(array: NDArray[Any]) -> Rows:
    return array.reshape(len(array), -1).astype(np.float64)


def _mean(rows: Rows) -> Rows:
    seen = ~np.isnan(rows)
    total = np.where(seen, rows, 0.0).sum(axis=0)
    return np.asarray(np.where(seen.any(axis=0), total / np.maximum(seen.sum(axis=0), 1), np.nan))


def _share(rows: Rows, back: Rows, mean: Rows) -> float:
    """Return the squared error as a share of that of the mean row; of observed values only."""
    total = float(np.nansum(np.square(rows - mean)))
    return float(np.nansum(np.square(rows - back))) / total if total > 0 else math.nan


def _deviation(x: Tensor) -> NDArray[np.float32]:
    rows = x.numpy()
    seen = ~np.isnan(rows)
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, rows, 0.0).sum(axis=0) / count
    squares = np.where(seen, np.square(rows - mean), 0.0).sum(axis=0)
    return np.asarray(np.sqrt(squares / count), dtype=np.float32)


def _shuffled(x: Tensor, rng: np.random.Generator) -> Tensor:
    flat = x.reshape(len(x), -1).numpy()
    return torch.from_numpy(rng.permuted(flat, axis=0)).reshape(x.shape)


def _beside_pca(
    f: Rows, back: Rows, base: Rows | None, codes: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Compare with PCA of as many codes on rows that PCA has not seen."""
    if base is None:
        order = rng.permutation(len(f))
        half = len(f) // 2
        base, f, back = f[order[:half]], f[order[half:]], back[order[half:]]
    mean = np.nan_to_num(_mean(base))
    filled = np.where(np.isnan(base), mean, base)
    varying = int((filled.std(axis=0) > 0).sum())
    if codes >= varying or codes >= len(base):
        return {"pca_error": math.nan, "error_beside_pca": math.nan, "pca_codes": codes}
    pca = fit_pca(filled, codes)
    seen = np.where(np.isnan(f), mean, f)
    linear = pca.inverse_transform(pca.transform(seen))
    return {
        "pca_error": _share(f, linear, mean),
        "error_beside_pca": _share(f, back, mean),
        "pca_codes": codes,
    }


def _neighbourhoods(
    model: _Model, x: Tensor, c: Tensor | None, mean: Rows, generator: torch.Generator
) -> dict[str, Any]:
    x, c = x[:_PAIRS], None if c is None else c[:_PAIRS]
    f = model.features(x)
    filled = np.where(np.isnan(f), mean, f)
    near = probes.neighbours(filled, model.codes(x, c), None if c is None else _flat(c.numpy()))
    between = probes.between(model.module.likelihood, x, near.index, generator)
    total = float(np.nansum(np.square(f - mean)))
    middle = model.features(between)
    away = np.nansum(np.square(middle - model.reconstruct(between, c)))
    return {
        "nearest": near.nearest,
        "in_code": near.in_code,
        "random": near.random,
        "disorder": near.disorder,
        "row_error": _share(f, model.reconstruct(x, c), mean),
        "between_error": float(away) / total if total > 0 else math.nan,
        "between_distance": float(np.nansum(np.square(middle - f))) / total
        if total > 0
        else math.nan,
    }


def _participation(z: Rows) -> float:
    """Return (Σλ)² / Σλ² of the eigenvalues λ of the covariance of the codes."""
    centred = z - z.mean(axis=0)
    covariance = centred.T @ centred / len(z)
    squares = float(np.square(covariance).sum())
    return float(np.trace(covariance)) ** 2 / squares if squares > 0 else 0.0


def _training(estimator: BaseAutoencoder) -> dict[str, Any]:
    history: History = estimator.history_
    watched = "val_loss" if "val_loss" in history else "loss"
    losses = np.array(history[watched]) if len(history) else np.empty(0)
    best = int(np.nanargmin(losses)) if np.isfinite(losses).any() else -1
    late, gap = math.nan, math.nan
    if len(losses) >= 5 and best >= 0:
        fall = losses[0] - losses[best]
        before = np.nanmin(losses[: len(losses) - len(losses) // 5])
        late = float((before - losses[best]) / fall) if fall > 0 else 0.0
    if "val_reconstruction" in history and best >= 0:
        train = np.array(history["reconstruction"])
        fall = train[0] - train[best]
        held_out = history["val_reconstruction"][best]
        gap = float((held_out - train[best]) / fall) if fall > 0 else math.nan
    names = [name for name in ("loss", "val_loss") if name in history]
    return {
        "epochs": int(estimator.n_iter_),
        "best_epoch": best + 1,
        "outcome": str(estimator.outcome_),
        "late_gain": late,
        "gap": gap,
        "curve": {name: list(history[name]) for name in names},
    }
