"""What goes wrong with a fitted autoencoder, in words, with the numbers it was judged from."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus.errors import InvalidInputError
from isthmus.evaluation.evidence import Evidence
from isthmus.evaluation.judgement import Finding, judge
from isthmus.evaluation.measurement import measure
from isthmus.models.base import BaseAutoencoder

__all__ = ["Diagnosis", "diagnose"]


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The findings about one model; its text is a report, and iterating gives the findings.

    Attributes
    ----------
    estimator : str
        Name of the class.
    findings : tuple of Finding
        All that was looked for and applies, the good ones too.
    evidence : isthmus.evaluation.evidence.Evidence
        All numbers, for pictures and for rules of one's own.
    """

    estimator: str
    findings: tuple[Finding, ...]
    evidence: Evidence

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that are problems."""
        return tuple(finding for finding in self.findings if finding.severity == "problem")

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @property
    def title(self) -> str:
        """One line: which model, on what, and how many problems."""
        e = self.evidence
        rows = f"{e.rows:,} rows"
        if e.rows < e.rows_given:
            rows += f" drawn from {e.rows_given:,}"
        if e.train_rows:
            rows += f", beside {e.train_rows:,} training rows"
        count = len(self.problems)
        verdict = {0: "no problem", 1: "1 problem"}.get(count, f"{count} problems")
        return f"{self.estimator}, {e.values} values to {e.latent_dim}, on {rows}: {verdict}"

    def __str__(self) -> str:
        return "\n\n".join([self.title, *map(str, self._by_severity())])

    def __repr__(self) -> str:
        found = {f.name: f.severity for f in self.findings if f.severity != "ok"}
        return f"Diagnosis({self.estimator}, {found})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{finding.severity}</td><th>{html.escape(finding.name)}</th>"
            f'<td style="text-align:left">{html.escape(finding.text)}</td></tr>'
            for finding in self._by_severity()
        )
        return f"<table><caption>{html.escape(self.title)}</caption><tbody>{rows}</tbody></table>"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: the findings with their numbers, and all evidence."""
        return {
            "estimator": self.estimator,
            "problems": [finding.name for finding in self.problems],
            "findings": [finding.to_dict() for finding in self.findings],
            "evidence": self.evidence.to_dict(),
        }

    def _by_severity(self) -> list[Finding]:
        return sorted(self.findings, key=lambda f: ("problem", "note", "ok").index(f.severity))


def diagnose(
    estimator: BaseAutoencoder,
    X: Any,
    y: Any = None,
    *,
    X_train: Any = None,
    y_train: Any = None,
    random_state: int | np.random.RandomState | None = 0,
) -> Diagnosis:
    """Tell what goes wrong with a fitted autoencoder.

    It looks for a model that copies its input, that memorises its rows, that explains less than PCA
    or than the mean, whose training failed or was cut short; for codes that are constant, repeat
    each other or have collapsed onto the prior; and for hidden units that are dead or saturated.
    Each finding says what is seen, what it means and what to change.

    At most 2,000 rows are looked at (fewer of large samples, at least 200), drawn with
    `random_state`, so that a million rows take seconds.

    Parameters
    ----------
    estimator : estimator of the family
        Fitted, or loaded from a file.
    X : array-like, one sample a row, in the shape of the fit
        At least 4 rows. Held-out rows, if `X_train` is given; else rows of any kind.
    y : array-like of shape (n,) or (n, amounts), optional
        The conditions of `X`, for conditional models.
    X_train : array-like, optional
        Rows of the fit: what the model reconstructs much better than `X`, it has memorised.
    y_train : array-like, optional
        The conditions of `X_train`, for conditional models.
    random_state : int, RandomState or None, default=0
        The seed of the choice of rows and of the shuffling.

    Returns
    -------
    Diagnosis
        ``print`` it, or iterate over its findings.

    Raises
    ------
    InvalidInputError
        If the estimator is not one of the family, or there are fewer than 4 rows.

    References
    ----------
    .. [1] G. Alain and Y. Bengio, "What regularized auto-encoders learn from the data-generating
       distribution", Journal of Machine Learning Research 15 (2014), 3563-3593.
    .. [2] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016,
       arXiv:1509.00519 (codes in use).
    .. [3] M. F. Hutchinson, "A stochastic estimator of the trace of the influence matrix for
       Laplacian smoothing splines", Communications in Statistics 19 (1990),
       doi:10.1080/03610919008812866.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import Autoencoder, diagnose
    >>> X = load_iris().data
    >>> model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> [finding.name for finding in diagnose(model, X).problems]
    ['underfits']
    """
    if not isinstance(estimator, BaseAutoencoder):
        raise InvalidInputError(
            f"estimator: expected a fitted autoencoder of isthmus; got {type(estimator).__name__}; "
            "of a pipeline, pass its last step and the data that reach it"
        )
    check_is_fitted(estimator, "module_")
    evidence = measure(estimator, X, y, X_train=X_train, y_train=y_train, random_state=random_state)
    return Diagnosis(type(estimator).__name__, judge(evidence), evidence)
