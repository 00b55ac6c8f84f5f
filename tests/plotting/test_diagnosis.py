"""The picture of a diagnosis holds its numbers."""

from __future__ import annotations

import io

import numpy as np
import pytest

from isthmus import Autoencoder, VariationalAutoencoder, diagnose
from isthmus.errors import InvalidInputError
from isthmus.models import untrained
from isthmus.plotting import plot_diagnosis

X = np.random.default_rng(0).normal(size=(80, 3)) @ np.random.default_rng(1).normal(size=(3, 6))


def bars(axes):
    labels = [label.get_text() for label in axes.get_yticklabels()]
    return dict(zip(labels, [patch.get_width() for patch in axes.patches], strict=True))


def test_bars_are_the_errors_and_the_line_is_pca():
    model = Autoencoder(latent_dim=2, max_epochs=30, random_state=0).fit(X[:40])
    diagnosis = diagnose(model, X[40:], X_train=X[:40])
    e = diagnosis.evidence
    errors, codes, neighbours, loss = plot_diagnosis(diagnosis).axes
    drawn = bars(errors)
    assert list(drawn) == ["training rows", "held-out rows", "between two rows", "shuffled rows"]
    expected = (e.train_error, e.error, e.between_error, e.shuffled_error)
    for width, value in zip(drawn.values(), expected, strict=True):
        assert width == pytest.approx(min(value, 1.3))
    assert any(line.get_xdata()[0] == e.pca_error for line in errors.lines)
    heights = [patch.get_height() for patch in codes.patches]
    assert heights == pytest.approx(np.sort(e.variance_per_code)[::-1] / e.variance_per_code.max())
    assert bars(neighbours)["in code"] == pytest.approx(e.in_code / e.random)
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), model.history_["loss"])


def test_a_gaussian_code_shows_its_divergence():
    model = VariationalAutoencoder(latent_dim=2, max_epochs=5, random_state=0).fit(X)
    diagnosis = diagnose(model, X)
    codes = plot_diagnosis(diagnosis).axes[1]
    heights = [patch.get_height() for patch in codes.patches]
    assert heights == pytest.approx(np.sort(diagnosis.evidence.divergence_per_code)[::-1])
    assert "KL" in codes.get_ylabel()


@pytest.mark.parametrize("case", ["untrained", "constant", "wide"])
def test_what_has_no_numbers_can_be_drawn_as_well(case):
    data = np.ones((20, 4)) if case == "constant" else X
    model = Autoencoder(latent_dim=100 if case == "wide" else 2, max_epochs=2, random_state=0)
    model = untrained(model, data) if case == "untrained" else model.fit(data)
    figure = plot_diagnosis(diagnose(model, data), title="" if case == "wide" else None)
    figure.savefig(io.BytesIO(), format="svg")
    assert len(figure.axes) == 4
    assert (figure.get_suptitle() == "") == (case == "wide")


def test_something_else_is_refused():
    with pytest.raises(InvalidInputError, match="diagnosis: expected what isthmus.diagnose"):
        plot_diagnosis({"error": 1.0})
