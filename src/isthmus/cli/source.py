"""What the verbs read: the fitted model, and data files that go with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.options import Reading
from isthmus.errors import InvalidInputError, require

if TYPE_CHECKING:
    from isthmus.data.files.dataset import DataSet

__all__ = ["check_exists", "check_model_file", "condition", "load_model", "read_input", "samples"]


def check_exists(*paths: Path) -> None:
    """Refuse a name that is not there, before libraries are loaded that take a second.

    Raises
    ------
    InvalidInputError
        For the first such path.
    """
    for path in paths:
        if not path.exists():
            raise InvalidInputError(
                f"{path}: there is no such file or folder; check the name and the folder you are in"
            )


def check_model_file(path: Path) -> None:
    """Refuse a model that is not there, or is a folder."""
    if not path.is_file():
        what = "this is a folder" if path.is_dir() else "there is no such file"
        raise InvalidInputError(f"{path}: {what}; give a model that `isthmus fit` wrote")


def load_model(path: Path, *, detectors: bool = False) -> Any:
    """Load a fitted estimator, or, where a verb takes them, an anomaly detector.

    Raises
    ------
    InvalidInputError
        If there is no such file, or it holds no autoencoder.
    ModelFileError
        If the file is not a whole model.
    """
    check_model_file(path)
    from isthmus.models import BaseAutoencoder
    from isthmus.persistence import load

    model = load(path)
    if hasattr(model, "members_"):
        if detectors:
            return model
        raise InvalidInputError(
            f"{path}: an autoencoder is expected, this is an anomaly detector; use isthmus detect "
            f"{path} --score DATA, isthmus score or isthmus info"
        )
    if not isinstance(model, BaseAutoencoder):
        raise InvalidInputError(
            f"model: expected an autoencoder; {path} holds a {type(model).__name__}; use it from "
            "Python: isthmus.load(PATH).predict(X)"
        )
    return model


def read_input(path: Path, reading: Reading, model: Any = None) -> DataSet:
    """Read the input, and see that the model, if one is given, can take it.

    Raises
    ------
    InvalidInputError
        If it cannot be read, or has another shape than the model was fitted on.
    """
    from isthmus.data import files

    names = None if model is None else getattr(model, "feature_names_in_", None)
    data = files.read(
        path,
        header="auto" if reading.header is None else reading.header,
        target=reading.target,
        drop=reading.drop or (),
        columns=None if names is None else [str(name) for name in names],
        key=reading.key,
        image_size=reading.size(),
        mode=reading.colours(),  # type: ignore[arg-type]
    )
    if model is not None and data.X.shape[1:] != tuple(model.sample_shape_):
        from isthmus.applications.anomaly.files import Reading as Form
        from isthmus.applications.anomaly.files.reading import check_form

        check_form(path, data, tuple(model.sample_shape_), Form(prefix="--"))
    return data


def samples(data: DataSet, model: Any = None) -> Any:
    """Return what the estimator is given: a data frame where columns have names.

    A model that was fitted without names gets none, and one that was fitted with names gets
    them also for an array, whose columns are then in its order.
    """
    known = None if model is None else getattr(model, "feature_names_in_", None)
    names = data.feature_names if model is None else known
    if names is None or data.X.ndim != 2:
        return data.X
    return require("pandas", "table").DataFrame(data.X, columns=list(names))


def condition(path: Path, data: DataSet, model: Any) -> dict[str, Any]:
    """Return the argument ``y`` of a conditional model, and nothing for the others.

    Raises
    ------
    InvalidInputError
        If the model needs it and the data have none.
    """
    if not getattr(model, "conditional", False):
        return {}
    if data.y is None:
        raise InvalidInputError(
            f"{path}: a conditional model needs a label a row; name their column with --target"
        )
    return {"y": data.y}
