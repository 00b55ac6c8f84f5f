"""The detector: lines, labels, robust fits, missing values, controls."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from isthmus import AnomalyDetector, Autoencoder
from isthmus.applications.anomaly import untrained_control
from isthmus.errors import InvalidInputError
from isthmus.training import backpropagation, trimmed

QUICK = Autoencoder(latent_dim=2, hidden_layer_sizes=(16,), max_epochs=15, batch_size=64)


def plane(n, seed=0, noise=0.1, width=6):
    rng = np.random.default_rng(seed)
    axes = np.random.default_rng(9).normal(size=(2, width))
    return rng.normal(size=(n, 2)) @ axes + noise * rng.normal(size=(n, width))


def detector(**parameters):
    return AnomalyDetector(**{"estimator": QUICK, "random_state": 0, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return detector(false_alarm_rate=0.05).fit(plane(1000))


def test_the_default_finds_rows_off_the_plane_better_than_untrained_networks():
    X = plane(600)
    odd = plane(100, seed=1) + np.random.default_rng(2).normal(0, 0.6, size=(100, 6))
    new = np.concatenate([plane(300, seed=3), odd])
    labels = np.repeat([0, 1], [300, 100])
    model = AnomalyDetector(random_state=0).fit(X)
    reached = roc_auc_score(labels, -model.score_samples(new))
    control = roc_auc_score(labels, -untrained_control(model, X).score_samples(new))
    assert reached > 0.9
    assert reached > control + 0.02
    before = Autoencoder(latent_dim=2, hidden_layer_sizes=(16,), random_state=0)
    assert not hasattr(before, "module_")


def test_alarms_on_fresh_rows_are_as_many_as_promised(fitted):
    fresh = plane(4000, seed=7)
    low, high = fitted.calibration_.interval(0.05, len(fresh), level=0.999)
    assert low <= (fitted.predict(fresh) == -1).mean() <= high
    np.testing.assert_array_equal(fitted.predict(fresh) == -1, fitted.p_values(fresh) <= 0.05)


def test_the_held_out_rows_are_not_those_of_the_fit(fitted):
    assert len(fitted.calibration_) == 200
    assert fitted.calibration_.held_out
    # The calibration says which they are; with other values there, the same is learned.
    X, new = plane(1000), plane(50, seed=3)
    oddness = -fitted.score_samples(X)
    held_out = np.isclose(oddness[:, None], fitted.calibration_.oddness, rtol=1e-6, atol=0).any(1)
    assert 200 <= held_out.sum() <= 205  # two rows may be as odd as each other
    X[held_out] = 7 * X[held_out] + 100
    again = detector(false_alarm_rate=0.05).fit(X)
    np.testing.assert_array_equal(again.score_samples(new), fitted.score_samples(new))
    assert again.calibration_.oddness.min() > fitted.calibration_.oddness.max()


def test_a_known_contamination_draws_the_line_at_that_share_of_the_training_rows():
    X = plane(500)
    model = detector(contamination=0.07).fit(X)
    assert (model.predict(X) == -1).sum() == 35
    assert model.threshold_.rule == "contamination"
    np.testing.assert_allclose(
        model.decision_function(X), model.score_samples(X) - model.offset_, rtol=0, atol=0
    )


def test_no_line_then_one_of_ones_own_rows():
    model = detector(calibration_fraction=0, false_alarm_rate=0.1).fit(plane(300))
    assert np.isnan(model.offset_)
    for use in (model.predict, model.p_values, model.drift):
        with pytest.raises(InvalidInputError, match="calibrate"):
            use(plane(50))
    model.calibrate(plane(99, seed=4))
    assert len(model.calibration_) == 99
    assert set(model.predict(plane(50, seed=5))) <= {-1, 1}


def test_a_line_by_labels():
    model = detector().fit(plane(400))
    rows = np.concatenate([plane(100, seed=1), plane(30, seed=2) + 3.0 * (np.arange(6) % 2)])
    truth = np.repeat([1, -1], [100, 30])
    model.calibrate(rows, truth)
    assert model.threshold_.rule == "labels"
    found = model.predict(rows)
    precision = (truth[found == -1] == -1).mean()
    assert model.threshold_.details["precision"] == pytest.approx(precision)
    by_zero_and_one = detector().fit(plane(400)).calibrate(rows, truth == -1)
    assert by_zero_and_one.offset_ == model.offset_
    words = np.where(truth == -1, "attack", "normal")
    assert detector().fit(plane(400)).calibrate(rows, words).offset_ == model.offset_
    holes = np.append(np.where(truth == -1, 1.0, 0.0), np.nan)  # one more row, of which none knows
    more = np.concatenate([rows, rows[-1:] + 50])
    assert detector().fit(plane(400)).calibrate(more, holes).offset_ == model.offset_
    model.calibrate(rows, truth, recall=1.0)
    assert (model.predict(rows)[truth == -1] == -1).all()
    with pytest.raises(InvalidInputError, match="y: expected 130 labels"):
        model.calibrate(rows, truth[:-1])
    with pytest.raises(InvalidInputError, match="−1 for anomalies"):
        model.calibrate(rows, np.arange(130))


def test_an_extrapolated_tail_promises_rates_that_cannot_be_counted():
    X = plane(2000)
    with pytest.raises(InvalidInputError, match="tail='pot'"):
        detector(false_alarm_rate=1e-4).fit(X)
    model = detector(false_alarm_rate=1e-4, tail="pot").fit(X)
    assert model.threshold_.rule == "peaks over threshold"
    assert -model.offset_ > model.calibration_.oddness[-20]
    assert (model.predict(plane(2000, seed=3)) == -1).mean() < 0.005


def test_trimming_keeps_anomalies_among_the_training_rows_from_being_learned():
    rng = np.random.default_rng(0)
    direction = np.array([0.0, 3.0, -3.0, 3.0, -3.0, 3.0])
    planted = direction * rng.uniform(0.8, 1.2, size=(60, 1)) + 0.1 * rng.normal(size=(60, 6))
    X = rng.permutation(np.concatenate([plane(1140), planted]))
    new = np.concatenate([plane(300, seed=5), planted])
    labels = np.repeat([0, 1], [300, 60])
    reached = {}
    estimator = Autoencoder(
        latent_dim=2, hidden_layer_sizes=(32,), max_epochs=60, batch_size=64, early_stopping=False
    )
    for trim in (0.0, 0.1):
        model = detector(estimator=estimator, trim=trim, scores="reconstruction").fit(X)
        reached[trim] = roc_auc_score(labels, -model.score_samples(new))
    assert reached[0.1] > 0.95
    assert reached[0.1] > reached[0.0] + 0.05


def test_a_trimmed_step_learns_from_the_best_reproduced_rows_alone():
    import torch

    from isthmus.nn import AutoencoderModule, Dense
    from isthmus.training import Batch, TrainingConfig, new_state

    def fresh():
        generator = torch.Generator().manual_seed(0)
        return AutoencoderModule(
            Dense((4,), (2,), generator=generator), Dense((2,), (4,), generator=generator)
        )

    x = torch.randn(10, 4, generator=torch.Generator().manual_seed(1))
    x[3] *= 100
    first, second = fresh(), fresh()
    trimmed(backpropagation, 0.1)(new_state(first, TrainingConfig()), Batch(x))
    kept = Batch(torch.cat([x[:3], x[4:]]))
    backpropagation(new_state(second, TrainingConfig()), kept)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_missing_values_are_scored_by_what_is_there():
    X = plane(600)
    X[::7, 2] = np.nan
    model = AnomalyDetector(random_state=0).fit(X)
    rows = plane(200, seed=3)
    holes = rows.copy()
    holes[:, 5] = np.nan
    assert np.isfinite(model.score_samples(holes)).all()
    odd = holes.copy()
    odd[:, 0] += 8.0
    assert (model.score_samples(odd) < model.score_samples(holes)).mean() > 0.9
    with pytest.raises(InvalidInputError, match="row 4 has no value at all"):
        holes[4] = np.nan
        model.score_samples(holes)


def test_missing_values_that_the_fit_never_saw_are_refused():
    model = detector().fit(plane(200))
    row = plane(2)
    row[1, 3] = np.nan
    with pytest.raises(InvalidInputError, match="NaN in row 1, column 3"):
        model.score_samples(row)


def test_a_network_that_does_not_learn_is_reported():
    stuck = Autoencoder(
        latent_dim=2, hidden_layer_sizes=(16,), max_epochs=5, optimizer="sgd", learning_rate=1e-12
    )
    stuck.set_params(learning_rate_schedule="constant")
    with pytest.warns(UserWarning, match="has not learned"):
        detector(estimator=stuck, trim=0).fit(plane(100))


def test_what_is_beyond_every_number_is_odd_and_not_missing(fitted):
    rows = plane(20, seed=11)
    rows[3, 0], rows[5, 1] = 1e200, -1e25
    default = AnomalyDetector(random_state=0).fit(plane(200))
    alone = detector(scores="reconstruction", false_alarm_rate=0.05).fit(plane(400))
    for model in (fitted, default, alone):
        assert (model.predict(rows)[[3, 5]] == -1).all()
        assert (model.p_values(rows)[[3, 5]] == 1 / (len(model.calibration_) + 1)).all()
        assert not np.isnan(model.score_samples(rows)).any()


def test_a_label_does_not_depend_on_how_many_rows_are_scored_at_once():
    rng = np.random.default_rng(0)
    X = (rng.random((600, 4)) < 0.5).astype(float)  # sixteen different rows: every score is tied
    model = detector(false_alarm_rate=0.05).fit(X)
    fresh = (rng.random((200, 4)) < 0.5).astype(float)
    alone = np.concatenate([model.score_samples(row[None]) for row in fresh])
    np.testing.assert_allclose(model.score_samples(fresh), alone, rtol=1e-4, atol=1e-4)


def test_a_drift_is_not_judged_by_the_rows_of_the_fit():
    with pytest.raises(InvalidInputError, match="too few to hold any out"):
        detector().fit(plane(45)).drift(plane(100))
    with pytest.raises(InvalidInputError, match="are 9, and at least 10"):
        detector(calibration_fraction=0.01).fit(plane(900))


def test_a_call_that_fails_leaves_no_half_detector():
    model = detector(false_alarm_rate=0.1).fit(plane(300))
    line, calibration = model.threshold_, model.calibration_
    with pytest.raises(InvalidInputError, match="needs at least 9 held-out rows"):
        model.calibrate(plane(5))
    assert (model.threshold_, model.calibration_) == (line, calibration)
    with pytest.raises(InvalidInputError, match="needs at least 99"):
        model.redraw(0.01)
    assert model.false_alarm_rate == 0.1
    assert model.redraw(0.05).threshold_.details["false_alarm_rate"] == 0.05
    with pytest.raises(InvalidInputError, match="recall: expected a number"):
        model.calibrate(plane(20), np.arange(20) % 2, recall="0.9")
    model.set_params(false_alarm_rate=0.001)
    with pytest.raises(InvalidInputError, match="held-out rows"):
        model.fit(plane(300))
    with pytest.raises(ValueError, match="not fitted"):
        model.predict(plane(5))


def test_trimming_does_not_prefer_rows_with_missing_values():
    import torch

    from isthmus.nn import AutoencoderModule, Dense
    from isthmus.training import Batch, TrainingConfig, new_state

    generator = torch.Generator().manual_seed(0)
    module = AutoencoderModule(
        Dense((8,), (2,), generator=generator),
        Dense((2,), (8,), generator=generator),
        missing=True,
    )
    x = torch.randn(400, 8, generator=generator)
    x[::2, 2:] = torch.nan
    kept = []

    def look(state, batch):
        kept.append(batch.x)
        return backpropagation(state, batch)

    trimmed(look, 0.3)(new_state(module, TrainingConfig()), Batch(x))
    whole = float((~torch.isnan(kept[0])).all(1).float().mean())
    assert 0.4 < whole < 0.75  # half of all are whole; the holes of the others say nothing


def test_few_rows_are_calibrated_on_themselves_and_promise_nothing():
    X = plane(30)
    model = detector().fit(X)
    assert not model.calibration_.held_out
    assert model.threshold_.details["false_alarm_rate"] == pytest.approx(2 / 31)
    with pytest.raises(InvalidInputError, match="too few to hold"):
        detector(false_alarm_rate=0.1).fit(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"estimator": 3}, "estimator: expected an unfitted estimator"),
        ({"n_members": 0}, "n_members: expected a whole number of at least 1"),
        ({"trim": 1.0}, "trim: expected a number from 0 to 1"),
        ({"calibration_fraction": 1.0}, "calibration_fraction: expected"),
        ({"false_alarm_rate": 0.0}, "false_alarm_rate: expected"),
        ({"false_alarm_rate": "high"}, "false_alarm_rate: expected"),
        ({"contamination": 0.7}, "contamination: expected a number from 0 to 0.5"),
        ({"contamination": 0.1, "false_alarm_rate": 0.1}, "not by both"),
        ({"tail": "heavy"}, "tail: expected 'conformal' or 'pot'"),
        ({"scores": "likelihood"}, "scores: expected one of"),
        ({"scores": ()}, "scores: expected a name"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises(InvalidInputError, match=message):
        detector(**parameters).fit(plane(50))
