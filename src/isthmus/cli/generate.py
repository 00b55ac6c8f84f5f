"""The verb ``sample``: draw new samples from a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from isthmus.cli import options
from isthmus.cli.models import can_sample
from isthmus.cli.output import check_output, deliver, titles_of, white_of
from isthmus.cli.source import load_model
from isthmus.errors import InvalidInputError

__all__ = ["labels_of", "sample"]


def sample(
    model: options.Model,
    count: Annotated[
        int | None,
        typer.Argument(metavar="N", help="How many samples; 10 by default.", show_default=False),
    ] = None,
    number: Annotated[
        int | None,
        typer.Option("--number", "-n", metavar="N", help="The same, as an option."),
    ] = None,
    output: options.Output = None,
    label: options.Labels = None,
    seed: Annotated[
        int | None, typer.Option(metavar="SEED", help="Draw the same samples again.")
    ] = None,
    draw: Annotated[
        bool,
        typer.Option(
            "--draw", help="Draw the values as well, with the spread of the data; not their means."
        ),
    ] = False,
) -> None:
    """Draw new samples from a model with a distribution of codes; with --y, N of each label.

    Variational and adversarial models, chains of denoisers, and what was fitted with --density.
    """
    import numpy as np

    if count is not None and number is not None and count != number:
        raise InvalidInputError(f"sample: N is given twice, as {count} and as -n {number}; once do")
    wanted = next((n for n in (count, number) if n is not None), 10)
    if wanted < 1:
        raise InvalidInputError(f"sample: N must be at least 1, got {wanted}")
    estimator = load_model(model)
    if not can_sample(estimator):
        raise InvalidInputError(
            f"{model}: {type(estimator).__name__} has neither a distribution of codes nor a chain "
            "to draw from; fit it with --density mixture, or with --model variational"
        )
    check_output(output, estimator.sample_shape_, model)
    given: dict[str, Any] = {}
    names = None
    if label:
        given["y"] = np.concatenate([labels_of(estimator, [one], wanted) for one in label])
        names = [f"{one}-{index:06d}" for one in label for index in range(wanted)]
    elif getattr(estimator, "conditional", False):
        raise InvalidInputError(
            f"{model}: a conditional model needs to know what to draw; give --y LABEL: "
            f"{_known(estimator)}"
        )
    total = wanted * max(1, len(label or ()))
    given["output"] = "draw" if draw else "mean"
    drawn = np.asarray(estimator.sample(total, random_state=seed, **given))
    deliver(
        drawn,
        output,
        what="new samples",
        columns=titles_of(estimator),
        names=names,
        white=white_of(estimator),
    )


def labels_of(estimator: Any, words: Sequence[str], count: int) -> Any:
    """Turn a label from the command line into the one the model knows, once for each sample.

    Raises
    ------
    InvalidInputError
        If the model is not conditional, or knows no such label.
    """
    import numpy as np

    if not getattr(estimator, "conditional", False):
        raise InvalidInputError(
            "--y: this model is not conditional; leave --y out, or fit with --model variational "
            "--set conditional=true --target COLUMN"
        )
    if len(words) != 1:
        raise InvalidInputError(f"--y: one label is expected here, got {len(words)}")
    known = estimator.condition_.classes
    if known is None:
        return _amount(words[0], count)
    for value in known:
        if str(value) == words[0] or _same_number(value, words[0]):
            return np.full(count, value)
    raise InvalidInputError(
        f"--y: the model knows no label {words[0]!r}; it is one of {_known(estimator)}"
    )


def _amount(word: str, count: int) -> Any:
    """Read the condition of a model that was fitted on amounts, several separated by commas."""
    import numpy as np

    try:
        amounts = [float(part) for part in word.split(",")]
    except ValueError as error:
        raise InvalidInputError(f"--y: a number is expected, got {word!r}") from error
    return np.tile(np.array(amounts), (count, 1))


def _same_number(value: Any, word: str) -> bool:
    try:
        return float(value) == float(word)
    except (TypeError, ValueError):
        return False


def _known(estimator: Any) -> str:
    classes = estimator.condition_.classes
    if classes is None:
        return "a number"
    known = [str(value) for value in classes]
    return ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
