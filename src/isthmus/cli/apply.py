"""Verbs that put data through a fitted model: encode, decode, reconstruct, score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from isthmus.cli import options
from isthmus.cli.options import Reading
from isthmus.cli.output import check_output, deliver, titles_of, white_of
from isthmus.cli.source import check_exists, condition, load_model, read_input, samples

__all__ = ["decode", "encode", "reconstruct", "score"]


def encode(
    model: options.Model,
    data: options.Input,
    output: options.Output = None,
    target: options.Target = None,
    drop: options.Drop = None,
    header: options.Header = None,
    image_size: options.ImageSize = None,
    mode: options.Mode = None,
    key: options.Key = None,
) -> None:
    """Turn samples into codes: one row of numbers a sample."""
    check_exists(model, data)
    estimator = load_model(model)
    check_output(output, (1,), model, data)
    found = read_input(data, Reading(target, drop, header, image_size, mode, key), estimator)
    given = condition(data, found, estimator)
    codes = _array(estimator.transform(samples(found, estimator), **given))
    titles = [str(name) for name in estimator.get_feature_names_out()]
    deliver(codes, output, what="codes", columns=titles, names=found.names)


def decode(
    model: options.Model,
    codes: Annotated[
        Path,
        typer.Argument(
            metavar="CODES", help="Codes that `isthmus encode` wrote.", show_default=False
        ),
    ],
    output: options.Output = None,
    target: options.Target = None,
    drop: options.Drop = None,
    header: options.Header = None,
    key: options.Key = None,
    label: options.Labels = None,
) -> None:
    """Turn codes back into samples, in the units and the shape of the data."""
    from isthmus.cli.generate import labels_of
    from isthmus.data import files
    from isthmus.errors import InvalidInputError

    check_exists(model, codes)
    estimator = load_model(model)
    check_output(output, estimator.sample_shape_, model, codes)
    found = files.read(
        codes,
        header="auto" if header is None else header,
        target=target,
        drop=drop or (),
        key=key,
    )
    width = int(estimator.latent_dim_)
    if found.X.shape[1:] != (width,):
        raise InvalidInputError(
            f"{codes}: codes of {width} numbers a row are expected, these have shape "
            f"{found.X.shape}; give what `isthmus encode` wrote with this model"
        )
    if label:
        given: dict[str, Any] = {"y": labels_of(estimator, label, len(found.X))}
    else:
        given = condition(codes, found, estimator)
    decoded = _array(estimator.inverse_transform(found.X, **given))
    deliver(
        decoded,
        output,
        what="samples",
        columns=titles_of(estimator),
        names=found.names,
        white=white_of(estimator),
    )


def reconstruct(
    model: options.Model,
    data: options.Input,
    output: options.Output = None,
    errors: Annotated[
        bool,
        typer.Option(
            "--errors", help="Write |sample - reconstruction|, feature by feature, instead."
        ),
    ] = False,
    target: options.Target = None,
    drop: options.Drop = None,
    header: options.Header = None,
    image_size: options.ImageSize = None,
    mode: options.Mode = None,
    key: options.Key = None,
) -> None:
    """Send samples through the model and back: what it keeps of each."""
    import numpy as np

    check_exists(model, data)
    estimator = load_model(model)
    check_output(output, estimator.sample_shape_, model, data)
    found = read_input(data, Reading(target, drop, header, image_size, mode, key), estimator)
    given = condition(data, found, estimator)
    result = _array(estimator.reconstruct(samples(found, estimator), **given))
    if errors:
        # as float: unsigned integers would wrap around
        result = np.abs(result - found.X.astype(result.dtype))
    what = "errors" if errors else "reconstructions"
    deliver(
        result,
        output,
        what=what,
        columns=titles_of(estimator),
        names=found.names,
        white=white_of(estimator),
    )


def score(
    model: options.Model,
    data: options.Input,
    output: options.Output = None,
    target: options.Target = None,
    drop: options.Drop = None,
    header: options.Header = None,
    image_size: options.ImageSize = None,
    mode: options.Mode = None,
    key: options.Key = None,
) -> None:
    """Say how normal each sample is: log p(x), or its bound, in nats; lower is more unusual.

    Of an anomaly detector: `score_samples`, in nats of the tail of its training rows.
    """
    check_exists(model, data)
    estimator = load_model(model, detectors=True)
    check_output(output, (), model, data)
    reading = Reading(target, drop, header, image_size, mode, key)
    if hasattr(estimator, "members_"):
        from isthmus.applications.anomaly.files.scoring import score_rows

        scored = score_rows(estimator, data, reading.of_files())
        deliver(scored.scores, output, what="scores", columns=["score"], names=scored.names)
        return
    found = read_input(data, reading, estimator)
    given = condition(data, found, estimator)
    scores = _array(estimator.score_samples(samples(found, estimator), **given))
    deliver(scores, output, what="scores", columns=["score"], names=found.names)


def _array(result: Any) -> Any:
    import numpy as np

    return np.asarray(result)
