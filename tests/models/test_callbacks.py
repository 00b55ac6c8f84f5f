"""scikit-learn's callbacks see each epoch, can use the model as it is, and can end the fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import FitCallback, ProgressBar
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import load
from isthmus.models import ESTIMATORS

X = np.random.default_rng(0).normal(size=(120, 5))


class Recorder:
    """Follows the protocol and writes down what it is told."""

    def __init__(self, stop_at=None, fail_at=None):
        self.events = []
        self.scores = []
        self.models = []
        self.stop_at = stop_at
        self.fail_at = fail_at

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None):
        assert X is not None
        self.events.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.events.append(("end", context.task_name, context.task_id))
        if context.task_name != "epoch":
            return False
        self.scores.append(fitted_estimator.score(X))
        self.models.append(fitted_estimator)
        if self.fail_at == context.task_id:
            raise RuntimeError("boom")
        return self.stop_at == context.task_id


def fit(name="autoencoder", recorder=None, data=X, **kwargs):
    model = ESTIMATORS[name](**{"latent_dim": 2, "max_epochs": 4, "random_state": 0, **kwargs})
    return model.set_callbacks(recorder).fit(data)


def test_the_recorder_follows_the_protocol():
    assert isinstance(Recorder(), FitCallback)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_epoch_is_seen_in_order(name):
    recorder = Recorder()
    model = fit(name, recorder)
    epochs = [(kind, "epoch", i) for i in range(4) for kind in ("begin", "end")]
    assert recorder.events == [
        "setup",
        ("begin", "fit", 0),
        *epochs,
        ("end", "fit", 0),
        "teardown",
    ]
    assert model.n_iter_ == 4


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_fitted_estimator_is_the_model_after_that_epoch(name, tmp_path):
    recorder = Recorder()
    model = fit(name, recorder, early_stopping=False)
    last, first = recorder.models[-1], recorder.models[0]
    np.testing.assert_array_equal(last.transform(X), model.transform(X))
    assert (first.transform(X) != last.transform(X)).any()  # copies: they did not train on
    assert first.n_iter_ == 1
    assert len(set(recorder.scores)) == 4
    assert first is not model
    assert not first.module_.training
    assert len(first.history_) == 1  # as if the fit had ended there


def test_the_fitted_estimator_can_be_saved(tmp_path):
    """To keep the model of every epoch."""
    recorder = Recorder()
    fit("variational", recorder)

    class Saver(Recorder):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "epoch":
                fitted_estimator.save(tmp_path / f"{context.task_id}.safetensors")

    model = fit("autoencoder", Saver(), early_stopping=False)
    assert len(list(tmp_path.iterdir())) == 4
    np.testing.assert_array_equal(load(tmp_path / "3.safetensors").transform(X), model.transform(X))


def test_callbacks_do_not_change_the_result():
    plain = ESTIMATORS["denoising"](latent_dim=2, max_epochs=4, random_state=0).fit(X)
    np.testing.assert_array_equal(fit("denoising", Recorder()).transform(X), plain.transform(X))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_true_ends_the_fit(name):
    recorder = Recorder(stop_at=1)
    model = fit(name, recorder, max_epochs=50)
    assert model.n_iter_ == 2
    assert model.outcome_ == "callback"
    assert len(model.history_) == 2
    assert recorder.events[-2:] == [("end", "fit", 0), "teardown"]
    assert np.isfinite(model.transform(X)).all()


def test_several_callbacks_are_all_called():
    first, second = Recorder(stop_at=0), Recorder()
    model = ESTIMATORS["autoencoder"](max_epochs=4, random_state=0)
    model.set_callbacks(first, second).fit(X)
    assert len(first.scores) == len(second.scores) == 1


def test_a_callback_that_fails_is_torn_down_and_the_error_is_heard():
    recorder = Recorder(fail_at=2)
    with pytest.raises(RuntimeError, match="boom"):
        fit(recorder=recorder)
    assert recorder.events[-1] == "teardown"
    assert recorder.events.count("teardown") == 1


def test_a_second_fit_tells_the_whole_story_again():
    recorder = Recorder()
    model = fit(recorder=recorder)
    once = list(recorder.events)
    model.fit(X)
    assert recorder.events == once * 2
    assert model.set_callbacks() is model  # and they can be taken away
    model.fit(X)
    assert recorder.events == once * 2


def test_what_is_not_a_callback_is_refused():
    with pytest.raises(TypeError, match="FitCallback"):
        ESTIMATORS["autoencoder"]().set_callbacks(print)


def test_in_a_pipeline_and_cloned():
    recorder = Recorder()
    step = ESTIMATORS["autoencoder"](latent_dim=2, max_epochs=3).set_callbacks(recorder)
    make_pipeline(StandardScaler(), step).fit(X)
    assert len(recorder.scores) == 3
    clone(step).fit(X)


@pytest.mark.parametrize("name", ["autoencoder", "variational"])
def test_the_progress_bar_of_scikit_learn(name, capsys):
    model = ESTIMATORS[name](latent_dim=2, max_epochs=5, random_state=0)
    model.set_callbacks(ProgressBar()).fit(X)
    out = "".join(capsys.readouterr())
    assert type(model).__name__ in out
    assert "100%" in out or "5/5" in out
    plain = ESTIMATORS[name](latent_dim=2, max_epochs=5, random_state=0).fit(X)
    np.testing.assert_array_equal(model.transform(X), plain.transform(X))


def test_the_progress_bar_ends_when_the_fit_ends_early(capsys):
    model = ESTIMATORS["autoencoder"](latent_dim=2, max_epochs=300, patience=1, random_state=0)
    model.set_callbacks(ProgressBar()).fit(X)
    assert model.n_iter_ < 300


def test_nothing_is_shown_without_being_asked(capfd):
    ESTIMATORS["autoencoder"](latent_dim=2, max_epochs=2, random_state=0).fit(X)
    assert capfd.readouterr() == ("", "")
    ESTIMATORS["autoencoder"](latent_dim=2, max_epochs=2, verbose=2, random_state=0).fit(X)
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2
    assert "loss" in err
