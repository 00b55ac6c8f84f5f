"""What every member of the family has to pass, for those who write one of their own.

`check_member(cls)` fits the estimator to small data that are made here, many times over, and
compares what it does with what all members promise. Our own are tested with it.
"""

from __future__ import annotations

import contextlib
import copy
import pickle
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from isthmus.applications.anomaly import AnomalyDetector
from isthmus.errors import InvalidInputError
from isthmus.models import BaseAutoencoder
from isthmus.persistence import load

__all__ = ["check_member"]

_N_ROWS = 120  # enough for rows to be held out


@dataclass(frozen=True)
class _Member:
    """The estimator that is checked, and how it is made."""

    cls: type[BaseAutoencoder]
    parameters: Mapping[str, Any]
    parts: Mapping[str, Any] | None

    def make(self, **changes: Any) -> BaseAutoencoder:
        settings = {"max_epochs": 2, "random_state": 0, **self.parameters, **changes}
        return self.cls(**settings)

    def fitted(self, X: Any = None, **changes: Any) -> BaseAutoencoder:
        model = self.make(**changes)
        X = _rows() if X is None else X
        model.fit(X, _condition(model, len(X)).get("y"))
        return model

    def load(self, path: Path) -> Any:
        return load(path, estimator=self.cls, parts=self.parts)


def check_member(
    cls: type[BaseAutoencoder],
    *,
    sklearn: bool = True,
    parts: Mapping[str, Any] | None = None,
    **parameters: Any,
) -> None:
    """Check that an estimator does what every member of the family does.

    It is fitted many times to small tables that are made here.

    Parameters
    ----------
    cls : type
        The class of the estimator, derived from `BaseAutoencoder`.
    sklearn : bool, default=True
        Whether scikit-learn's own checks of an estimator are run as well: some seconds more.
    parts : dict, optional
        For `isthmus.load`, where a part in `parameters` is not registered.
    **parameters
        For the estimator, besides ``max_epochs=2`` and ``random_state=0``; so a part of one's own
        goes through all checks.

    Raises
    ------
    AssertionError
        If a check fails; the text says which, and what was expected.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> from isthmus.testing import check_member
    >>> check_member(Autoencoder, sklearn=False, latent_dim=2)
    """
    member = _Member(cls, parameters, parts)
    for name, check in _CHECKS.items():
        try:
            check(member)
        except Exception as error:
            found = str(error) or type(error).__name__
            raise AssertionError(f"{cls.__name__}, {name}: {found}") from error
    if sklearn:
        for estimator, one in estimator_checks_generator(
            member.make(random_state=None), legacy=True
        ):
            one(estimator)


def _rows() -> NDArray[np.float64]:
    """Return rows near a plane (n, 6)."""
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(_N_ROWS, 2)) @ rng.normal(size=(2, 6))
    rows: NDArray[np.float64] = plane + 0.1 * rng.normal(size=plane.shape)
    return rows


def _condition(model: BaseAutoencoder, count: int) -> dict[str, Any]:
    """Return y for some rows, for a model that takes a condition."""
    return {"y": np.arange(count) % 3} if model.is_conditional else {}


def _weights(model: BaseAutoencoder) -> bytes:
    return b"".join(
        value.cpu().contiguous().numpy().tobytes() for value in model.module_.state_dict().values()
    )


def _expect(condition: Any, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def _parameters(member: _Member) -> None:
    """Constructor arguments stay as they are, can be cloned, and unknown ones are refused."""
    model = member.make()
    before = {name: (value, repr(value)) for name, value in model.get_params(deep=False).items()}
    model.fit(_rows(), _condition(model, _N_ROWS).get("y"))
    for name, value in model.get_params(deep=False).items():
        same = value is before[name][0] and repr(value) == before[name][1]
        _expect(same, f"fit changed the parameter {name}")
    _expect(set(clone(model).get_params()) == set(model.get_params()), "clone lost a parameter")
    try:
        member.make(no_such_parameter=1)
    except TypeError:
        return
    raise AssertionError("an unknown parameter was accepted")


def _shapes(member: _Member) -> None:
    """Codes, reconstructions and scores have their shapes, and are finite."""
    model, X = member.fitted(), _rows()
    given = _condition(model, len(X))
    codes = model.transform(X, **given)
    _expect(codes.shape == (len(X), model.latent_dim_), f"transform gave {codes.shape}")
    whole = model.transform(X, flatten=False, **given).shape
    _expect(whole == (len(X), *model.code_shape_), f"transform(flatten=False) gave {whole}")
    for name, output in (
        ("inverse_transform", model.inverse_transform(codes, **given)),
        ("reconstruct", model.reconstruct(X, **given)),
    ):
        _expect(np.shape(output) == X.shape, f"{name} gave {np.shape(output)}")
        _expect(np.isfinite(output).all(), f"{name} gave NaN or infinity")
    scores = model.score_samples(X, **given)
    _expect(scores.shape == (len(X),), f"score_samples gave {scores.shape}")
    _expect(np.isfinite(scores).all(), "score_samples gave NaN or infinity")
    names = model.get_feature_names_out()
    _expect(len(names) == model.latent_dim_, f"get_feature_names_out gave {len(names)} names")


def _rows_apart(member: _Member) -> None:
    """What a row gets depends on no other row of the call."""
    model, X = member.fitted(), _rows()
    given = _condition(model, len(X))
    for name in ("transform", "reconstruct", "score_samples"):
        method = getattr(model, name)
        together = method(X, **given)[5:9]
        alone = method(X[5:9], **{key: value[5:9] for key, value in given.items()})
        close = np.allclose(together, alone, rtol=1e-4, atol=1e-5)
        _expect(close, f"{name} of a row changes with the rows beside it")


def _global_states() -> tuple[str, bytes]:
    return repr(np.random.get_state()), torch.get_rng_state().numpy().tobytes()  # noqa: NPY002


def _seeds(member: _Member) -> None:
    """One seed gives one result, another seed another, and global generators are left alone."""
    before = _global_states()
    first = member.fitted()
    _expect(before == _global_states(), "fit draws from a global generator")
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(torch.initial_seed() + 1)
        second = member.fitted()
    _expect(_weights(first) == _weights(second), "two fits with one seed differ")
    other = member.fitted(random_state=1)
    _expect(_weights(first) != _weights(other), "another random_state gives the same weights")


def _learning(member: _Member) -> None:
    """The terms in the history add up to the loss, and training moves the weights."""
    model = member.fitted()
    for record in model.history_.records:
        other = ("epoch", "loss", "learning_rate", "seconds")
        terms = {name: value for name, value in record.items() if name not in other}
        total = sum(
            value * record.get(f"coefficient_{name}", 1.0)
            for name, value in terms.items()
            if not name.startswith(("val_", "coefficient_"))
        )
        close = np.isclose(total, record["loss"], rtol=1e-4, atol=1e-4)
        _expect(close, f"the terms add up to {total:.6g}, but the loss is {record['loss']:.6g}")
    few, more = member.fitted(max_epochs=1), member.fitted(max_epochs=3, early_stopping=False)
    _expect(_weights(few) != _weights(more), "training changes nothing")


def _held_out_rows(member: _Member) -> None:
    """As many rows as are held out move no weight when their values change."""
    n, held_out = 24, 12
    settings: dict[str, Any] = {
        "max_epochs": 1,
        "batch_size": 4,
        "early_stopping": True,
        "validation_fraction": held_out / n,
        "scaling": None,
    }
    if "likelihood" not in member.parameters:
        settings["likelihood"] = "gaussian"
    X = _rows()[:n]
    expected, unmoved = _weights(member.fitted(X, **settings)), 0
    for row in range(n):
        other = X.copy()
        other[row] = 1 - 2 * other[row]
        unmoved += _weights(member.fitted(other, **settings)) == expected
    _expect(unmoved == held_out, f"of {held_out} rows held out {held_out - unmoved} move weights")


def _missing_values(member: _Member) -> None:
    """NaN is refused, and learned around with missing="ignore"."""
    X = _rows()
    X[3, 2] = np.nan
    try:
        member.fitted(X, missing="error")
    except InvalidInputError:
        pass
    else:
        raise AssertionError("NaN was accepted with missing='error'")
    model = member.fitted(X, missing="ignore")
    given = _condition(model, len(X))
    filled, scores = model.reconstruct(X, **given), model.score_samples(X, **given)
    _expect(np.isfinite(filled).all(), "a missing value was not filled in")
    _expect(np.isfinite(scores).all(), "the score of a row with a missing value is not finite")


def _copies(member: _Member) -> None:
    """A pickled and a copied model do what the model does."""
    model, X = member.fitted(), _rows()
    given = _condition(model, len(X))
    expected = model.transform(X, **given)
    for how, twin in ("pickle", pickle.loads(pickle.dumps(model))), ("copy", copy.deepcopy(model)):
        _expect(np.array_equal(twin.transform(X, **given), expected), f"codes differ after {how}")


def _saving(member: _Member) -> None:
    """A model that was saved and loaded gives the same codes, scores and samples."""
    model, X = member.fitted(), _rows()
    given = _condition(model, len(X))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        loaded = member.load(path)
    _expect(type(loaded) is type(model), f"load gave a {type(loaded).__name__}")
    _expect(_weights(loaded) == _weights(model), "the loaded weights are others")
    for name in ("transform", "reconstruct", "score_samples"):
        same = np.array_equal(getattr(loaded, name)(X, **given), getattr(model, name)(X, **given))
        _expect(same, f"{name} of the loaded model differs")
    if model.can_sample:
        few = _condition(model, 3)
        drawn = [each.sample(3, random_state=0, **few) for each in (model, loaded)]
        _expect(np.array_equal(*drawn), "sample of the loaded model differs")


class _Interruption:
    """A callback that interrupts a fit after its second epoch."""

    def setup(self, estimator: Any, context: Any) -> None:
        self.epochs = 0

    def teardown(self, estimator: Any, context: Any) -> None:
        """Leave nothing behind."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Wait for the end of an epoch."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        self.epochs += context.task_name == "epoch"
        if self.epochs == 2:
            raise KeyboardInterrupt
        return False


def _resuming(member: _Member) -> None:
    """A fit that was interrupted goes on to the weights of one that was not."""
    whole = member.fitted(max_epochs=4)
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {
            "max_epochs": 4,
            "checkpoint": Path(folder) / "fit.checkpoint",
            "checkpoint_interval": 0.0,
        }
        model = member.make(**settings)
        with contextlib.suppress(KeyboardInterrupt):
            model.set_callbacks(_Interruption()).fit(_rows(), _condition(model, _N_ROWS).get("y"))
            raise AssertionError("KeyboardInterrupt did not end the fit")
        resumed = member.fitted(**settings)
    _expect(_weights(whole) == _weights(resumed), "a resumed fit ends elsewhere")


def _batches(member: _Member) -> None:
    """partial_fit takes rows as they come."""
    model, X = member.make(), _rows()
    y = _condition(model, len(X)).get("y")
    for part in (slice(0, 60), slice(60, None)):
        model.partial_fit(X[part], None if y is None else y[part])
    codes = model.transform(X, **_condition(model, len(X)))
    _expect(np.isfinite(codes).all(), "partial_fit gave NaN or infinity")


def _sampling(member: _Member) -> None:
    """Samples have the form of rows, from the prior or from a density that is fitted."""
    model, X = member.fitted(), _rows()
    if not model.can_sample:
        model.fit_density(X, **_condition(model, len(X)), random_state=0)
    for output in ("mean", "draw"):
        drawn = model.sample(4, output=output, random_state=0, **_condition(model, 4))
        _expect(drawn.shape == (4, X.shape[1]), f"sample gave {drawn.shape}")
        _expect(np.isfinite(drawn).all(), "sample gave NaN or infinity")


def _detecting(member: _Member) -> None:
    """A detector over the estimator finds what is far from everything."""
    model = member.make()
    if model.is_conditional:
        return  # a detector has no y
    detector = AnomalyDetector(estimator=model, random_state=0).fit(_rows())
    scores = detector.score_samples(np.vstack([_rows()[:5], np.full((1, 6), 40.0)]))
    _expect(np.isfinite(scores).all(), "a detector's score is NaN or infinite")
    _expect(scores[-1] < scores[:-1].min(), "a row far from all others is not the most anomalous")


_CHECKS: dict[str, Callable[[_Member], None]] = {
    "parameters": _parameters,
    "shapes": _shapes,
    "rows apart": _rows_apart,
    "seeds": _seeds,
    "learning": _learning,
    "held-out rows": _held_out_rows,
    "missing values": _missing_values,
    "copies": _copies,
    "saving": _saving,
    "resuming": _resuming,
    "partial_fit": _batches,
    "sampling": _sampling,
    "detecting": _detecting,
}
