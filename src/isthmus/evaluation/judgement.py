"""From measured numbers to words: one rule for each thing that goes wrong with an autoencoder.

The thresholds are the same for all models and data. They stand here, beside the sentences that
they decide on, and what they were set from is in ``docs/diagnose.md``.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.evaluation.evidence import USED, Evidence, plain

__all__ = ["Finding", "judge"]

_WIDTH = 92
_AWAY, _WIDER = 4.0, 8.0  # in deviations of the fit, and as many times narrower or wider
_WORSE = -0.5  # an R² that chance does not bring on a few dozen rows


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes
    ----------
    name : str
        What it is, such as "copies its input".
    severity : {"ok", "note", "problem"}
        "note" is worth knowing and may be wanted; a "problem" is not.
    text : str
        What is seen, what it means, and what to do next.
    numbers : dict of str to float, int, str or None
        What it was judged from; None where something could not be measured.
    """

    name: str
    severity: str
    text: str
    numbers: dict[str, Any]

    def __str__(self) -> str:
        head = f"[{self.severity}] {self.name}: "
        return textwrap.fill(head + self.text, _WIDTH, subsequent_indent="  ")

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "name": self.name,
            "severity": self.severity,
            "text": self.text,
            "numbers": plain(self.numbers),
        }


Verdict = tuple[str, str]


def judge(e: Evidence) -> tuple[Finding, ...]:
    """Return a finding for each rule that applies, in a fixed order."""
    findings = []
    for name, rule, numbers in _RULES:
        verdict = rule(e)
        if verdict is not None:
            found = {number: getattr(e, number) for number in numbers}
            if name == "posterior collapse":
                found = {
                    "codes_in_use": _in_use(e),
                    "latent_dim": e.latent_dim,
                    "divergence": e.divergence,
                }
            findings.append(Finding(name, *verdict, plain(found)))
    return tuple(findings)


def _training(e: Evidence) -> Verdict | None:
    if e.outcome == "pretrained":
        return "ok", "The layers were trained one after the other, and not together afterwards."
    if e.epochs == 0:
        return (
            "problem",
            "The network has its initial weights: it was not trained. Call fit.",
        )
    if e.outcome == "diverged":
        return (
            "problem",
            f"The loss became infinite or NaN after epoch {e.best_epoch}, whose weights were kept. "
            "Lower learning_rate or set gradient_clip=1.0.",
        )
    if e.outcome == "early stopping" and e.best_epoch <= 3:
        return (
            "note",
            f"The held-out loss was lowest in epoch {e.best_epoch} and the fit stopped early: it "
            "overfits at once, or jumps. Lower learning_rate, or make the network smaller.",
        )
    if e.outcome == "epochs" and e.late_gain > 0.05:
        return (
            "note",
            f"The last fifth of the epochs brought {e.late_gain:.0%} of the whole fall of the "
            "loss: training had not ended. Raise max_epochs.",
        )
    if e.gap > 0.5:
        return (
            "note",
            "The held-out loss stayed far above the training loss, by "
            f"{e.gap:.0%} of what training had gained: single held-out rows may be far from all "
            "others, or the network is too large. Look at the lowest score_samples.",
        )
    return "ok", f"{e.epochs} epochs, the best was {e.best_epoch}; ended by: {e.outcome or '-'}."


def _underfits(e: Evidence) -> Verdict | None:
    held_out = e.error_beside_pca if math.isfinite(e.pca_error) else e.error
    if not math.isfinite(held_out):
        return "note", "All rows are equal: there is nothing to reconstruct. Give other data."
    if e.train_error < 0.5 * e.error and e.error >= 0.95:
        return (
            "note",
            "Training rows are reconstructed, new rows no better than by the mean row: what is "
            "wrong is said under memorises.",
        )
    kept, linear = 1 - held_out, 1 - e.pca_error
    if linear <= 0.05 and held_out < 1.1:
        return (
            "note",
            f"Neither the model nor PCA with {_codes(e.pca_codes)} explains these rows "
            f"({_explained(held_out)} and {_explained(e.pca_error)} of the variance): they may "
            "have no structure that so few codes can hold. Raise latent_dim.",
        )
    if held_out >= 0.95:
        return (
            "problem",
            f"The reconstructions are no better than the mean row ({held_out:.0%} of the variance "
            "is left): the network has not learned. Train longer (max_epochs), change "
            "learning_rate, or lower the weight of the penalty or of beta.",
        )
    if not math.isfinite(e.pca_error) and e.error > 0.5:
        return (
            "note",
            f"Only {_explained(e.error)} of the variance is explained, though the code has "
            f"{e.latent_dim} numbers for {e.values} values. Train longer (max_epochs), or lower "
            "the noise or the weight of the penalty if more is wanted.",
        )
    if not math.isfinite(e.pca_error):
        return (
            "ok",
            f"{_explained(e.error)} of the variance is explained. PCA with so many codes is exact, "
            "and no measure here.",
        )
    says = (
        f"The model explains {_explained(held_out)} of the variance of rows that PCA has not seen, "
        f"PCA with {_codes(e.pca_codes)} {_explained(e.pca_error)}"
    )
    if kept < linear / 3:
        return (
            "problem",
            f"{says}: it underfits. Train longer (max_epochs; {e.epochs} so far), raise "
            "learning_rate, or lower the weight of the penalty or of beta.",
        )
    if held_out > 1.1 * e.pca_error:
        return (
            "note",
            f"{says}. A penalty, noise or a prior costs that much on purpose; without one, train "
            "longer (max_epochs) or give more rows.",
        )
    return "ok", f"{says}."


def _other_data(e: Evidence) -> Verdict | None:
    if e.in_bytes <= 1.001 / 255:
        return (
            "problem",
            f"The model was fitted on bytes, 0 to 255; the largest of these values is "
            f"{255 * e.in_bytes:.3g}: they seem to be divided by 255 already. Give bytes.",
        )
    known = np.isfinite(e.location) & (e.spread > 0)
    if not known.any():
        return None
    away = np.where(known, np.abs(e.location), 0.0)
    wide = np.where(known, np.abs(np.log(np.where(known, e.spread, 1.0))), 0.0)
    columns = int(np.count_nonzero((away > _AWAY) | (wide > math.log(_WIDER))))
    if not columns:
        return "ok", "Every column has about the mean and the spread that it had in the fit."
    worst = int(np.argmax(np.maximum(away / _AWAY, wide / math.log(_WIDER))))
    return (
        "problem",
        f"{columns} of {len(known)} columns are not as in the fit; column {worst} has its mean "
        f"{e.location[worst]:.3g} of the fit's deviations away, and {e.spread[worst]:.3g} times "
        "their spread: other data, other units, or columns in another order. Give data of the same "
        "make, or fit again.",
    )


def _by_column(e: Evidence) -> Verdict | None:
    known = e.r2_per_column[np.isfinite(e.r2_per_column)]
    if not known.size:
        return None
    least = float(known.min())
    says = (
        f"Of {known.size} values the one reconstructed worst is {e.worst_column!r}, with an R² of "
        f"{least:.2f}; the median is {float(np.median(known)):.2f}"
    )
    if least < _WORSE and e.error < 0.5:
        return (
            "problem",
            f"{says}: most of the variance is explained, but this value is further off than its "
            "mean. Look at it for wild values, other units, or another likelihood.",
        )
    return "ok", f"{says}."


def _copies(e: Evidence) -> Verdict | None:
    if not math.isfinite(e.shuffled_error):
        return None
    says = (
        f"Of rows whose values were shuffled among the rows, which have no structure left, "
        f"{_explained(e.shuffled_error)} of the variance is reconstructed, of the data "
        f"{_explained(e.error)}"
    )
    if e.shuffled_error <= 0.2:
        slope = (
            f"; the slope of a reconstructed value along its own input is {e.jacobian_trace:.2f}"
            if math.isfinite(e.jacobian_trace)
            else ""
        )
        return (
            "problem",
            f"{says}{slope}: the model copies whatever it is given and says nothing about the "
            f"data. Lower latent_dim (now {e.latent_dim} for {e.values} values), or use "
            "SparseAutoencoder with a larger sparsity_weight or DenoisingAutoencoder.",
        )
    if e.shuffled_error <= 0.4:
        return (
            "note",
            f"{says}: the code holds much of any row. Lower latent_dim or raise the penalty if it "
            "is to know the data from other rows.",
        )
    return "ok", f"{says}."


def _memorises(e: Evidence) -> Verdict | None:
    remedy = (
        "Give more rows, make the decoder smaller (hidden_layer_sizes), set early_stopping=True, "
        "or add weight_decay, dropout or corruption"
    )
    ratio = e.error / e.train_error if e.train_error else math.nan
    says = f"New rows are reconstructed with {ratio:.1f} times the error of the training rows"
    # Halfway between two rows, noise is half as large and a manifold is near: a model that knows
    # more than its rows has a smaller error there. A look-up table can only give one of the rows.
    table = e.between_error > 1.5 * e.row_error and e.between_error > 0.5 * e.between_distance
    if table:
        return (
            "problem",
            "Halfway between a row and its nearest row the error is "
            f"{_ratio(e.between_error, e.row_error)} that of the rows themselves, and "
            f"{_ratio(e.between_error, e.between_distance)} the squared distance to them: the "
            "model has become a look-up table of its rows. Neighbours in code are "
            f"{e.in_code / e.random:.0%} as far apart as rows drawn at random, nearest rows "
            f"{e.nearest / e.random:.0%}. {remedy}.",
        )
    if ratio > 2 and e.error > (e.pca_error if math.isfinite(e.pca_error) else 0.5):
        return (
            "problem",
            f"{says}, and worse than PCA does: it has learned the rows and not what they have in "
            f"common. {remedy}.",
        )
    if ratio > 1.5:
        return "note", f"{says}: it overfits, if the two come from one source. {remedy}."
    if math.isfinite(ratio):
        return "ok", f"{says}."
    return (
        "ok",
        "Halfway between a row and its nearest row the error is "
        f"{_ratio(e.between_error, e.row_error)} that of the rows. Give X_train to compare new "
        "rows with training rows.",
    )


def _unused_codes(e: Evidence) -> Verdict | None:
    says = f"{e.dead_codes} of {_codes(e.latent_dim)} have the same value for every row"
    if e.dead_codes == e.latent_dim:
        return "problem", f"{says}: the code says nothing. Lower learning_rate or the penalty."
    if e.kept_codes and e.dead_codes:
        return (
            "problem" if e.dead_codes > e.latent_dim / 2 else "note",
            f"{e.dead_codes} of {_codes(e.latent_dim)} are never among the {e.kept_codes} largest "
            "and learn nothing. Where the scaling is neither 'center' nor 'standard', set "
            "likelihood='gaussian' and scaling='center'; else raise k_start.",
        )
    if e.dead_codes > e.latent_dim / 2:
        return (
            "problem",
            f"{says}: most of the code is dead. Lower learning_rate, the penalty, or latent_dim; "
            "units of a ReLU that are 0 for all rows get no gradient.",
        )
    if e.dead_codes:
        return "note", f"{says}. They cost little; a smaller latent_dim would do."
    return "ok", f"All {_codes(e.latent_dim)} vary with the data."


def _redundant(e: Evidence) -> Verdict | None:
    if e.latent_dim < 2 or e.dead_codes == e.latent_dim:
        return None
    says = (
        f"The {_codes(e.latent_dim)} vary along about {e.effective_codes:.1f} directions "
        "(participation ratio of their covariance)"
    )
    if e.effective_codes < e.latent_dim / 8:
        return (
            "note",
            f"{says}: most of them repeat others, or vary much less. A smaller latent_dim would "
            "hold nearly as much.",
        )
    return "ok", f"{says}."


def _dead_units(e: Evidence) -> Verdict | None:
    if not e.relu_units:
        return None
    share = e.dead_units / e.relu_units
    says = f"{e.dead_units} of {e.relu_units} hidden ReLU units are 0 for every row"
    if share > 0.5:
        return (
            "problem",
            f"{says} and get no gradient: steps were too large, or the rows too few for so many. "
            "Lower learning_rate, set normalization='batch', or activation='leaky_relu'.",
        )
    if share > 0.25:
        return "note", f"{says}. A smaller learning_rate or activation='leaky_relu' keeps more."
    return "ok", f"{says}."


def _saturated(e: Evidence) -> Verdict | None:
    if not e.bounded_units:
        return None
    share = e.saturated_units / e.bounded_units
    says = (
        f"{e.saturated_units} of {e.bounded_units} sigmoid or tanh units stay at an end of their "
        "range for every row"
    )
    if share > 0.25:
        return (
            "problem" if share > 0.5 else "note",
            f"{says}, where their slope is nearly 0: they no longer learn. Lower learning_rate, "
            "scale the data (scaling='standard'), or set normalization='batch'.",
        )
    return "ok", f"{says}."


def _collapsed(e: Evidence) -> Verdict | None:
    if not e.information_per_code.size:
        return None
    used = _in_use(e)
    by = "KL" if e.divergence_per_code.size else "information"
    says = f"{used} of {_codes(e.latent_dim)} say something about the row ({by} of {USED} nats up)"
    if not used:
        return (
            "problem",
            f"{says}: the posterior has collapsed onto the prior and the decoder ignores the code. "
            "Lower beta, lengthen beta_warmup, set free_bits=0.25, or use a likelihood with a "
            "learned scale.",
        )
    if used < e.latent_dim:
        return (
            "note",
            f"{says}; the others are left at the prior, as a variational autoencoder does with "
            "codes that do not pay. Lower beta or set free_bits if more are wanted.",
        )
    return "ok", f"{says}."


def _in_use(e: Evidence) -> int:
    says = e.divergence_per_code if e.divergence_per_code.size else e.information_per_code
    return int(np.count_nonzero(says >= USED))


def _explained(error: float) -> str:
    return f"{max(1 - error, 0.0):.0%}"


def _codes(count: int) -> str:
    return f"{count} code{'' if count == 1 else 's'}"


def _ratio(above: float, below: float) -> str:
    return f"{above / below:.1f} times" if below > 0 else "many times"


_RULES: tuple[tuple[str, Callable[[Evidence], Verdict | None], tuple[str, ...]], ...] = (
    ("training", _training, ("epochs", "best_epoch", "outcome", "late_gain", "gap")),
    ("underfits", _underfits, ("error", "error_beside_pca", "pca_error", "pca_codes")),
    ("other data", _other_data, ("in_bytes",)),
    ("worst column", _by_column, ("worst_column",)),
    (
        "copies its input",
        _copies,
        ("error", "shuffled_error", "jacobian_trace", "latent_dim", "values"),
    ),
    (
        "memorises",
        _memorises,
        (
            *("train_error", "error", "pca_error", "row_error", "between_error"),
            *("between_distance", "nearest", "in_code", "random", "disorder"),
        ),
    ),
    ("unused codes", _unused_codes, ("dead_codes", "latent_dim", "kept_codes")),
    ("redundant codes", _redundant, ("effective_codes", "latent_dim")),
    ("posterior collapse", _collapsed, ()),
    ("dead units", _dead_units, ("dead_units", "relu_units")),
    ("saturated units", _saturated, ("saturated_units", "bounded_units")),
)
