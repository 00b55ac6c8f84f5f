"""A checkpoint with right digests and edited contents is refused in one line, or is a fit."""

from __future__ import annotations

import copy
import math
import shutil

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.nn import AutoencoderModule, Dense
from isthmus.storage.container import read_tensor_file, write_tensor_file
from isthmus.training import Checkpoint, TrainingConfig, train

X = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
EPOCHS = 5


def new_module():
    source = torch.Generator().manual_seed(1)
    return AutoencoderModule(
        Dense((4,), (2,), [3], normalization="batch", generator=source),
        Dense((2,), (4,), generator=source),
    )


def fit(path, optimizer="adam", stop=None):
    module = new_module()
    config = TrainingConfig(max_epochs=EPOCHS, batch_size=20, optimizer=optimizer)

    def hook(state, record):
        if state.epoch == stop:
            raise KeyboardInterrupt

    return module, train(
        module, X, config=config, checkpoint=Checkpoint(path, "the fit", 0.0), after_epoch=[hook]
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the file of a fit that was interrupted after three epochs, for each optimiser."""
    files = {}
    for optimizer in ("adam", "sgd"):
        files[optimizer] = tmp_path_factory.mktemp("written") / "c"
        with pytest.raises(KeyboardInterrupt):
            fit(files[optimizer], optimizer, stop=4)
    return files


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("finished") / "c"
    fit(path)
    return path


def edited(source, path, change):
    header, tensors = read_tensor_file(source, "checkpoint")
    change(header, tensors)
    kind = header.pop("kind")
    write_tensor_file(path, kind, header, tensors)
    return path


def refused(path, optimizer="adam"):
    """Check that a file is refused in one line, and that nothing is changed."""
    module, content = new_module(), path.read_bytes()
    before = copy.deepcopy(module.state_dict())
    config = TrainingConfig(max_epochs=EPOCHS, batch_size=20, optimizer=optimizer)
    with pytest.raises(ModelFileError, match="cannot be resumed from") as caught:
        train(module, X, config=config, checkpoint=Checkpoint(path, "the fit", 0.0))
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content
    assert all(torch.equal(before[name], t) for name, t in module.state_dict().items())


WRONG = {
    "max_epochs": (0, -1, 5.0, None, "5", True, math.nan, 3, 2**70),
    "epoch": (3.0, 0, -3, 4, 5, 50, None, "3", True, math.nan, [3], 2**70),
    "steps": (6.0, 0, 2, -1, None, math.inf, 10**400),
    "rate_scale": (0, 0.0, 1.5, -1.0, math.nan, math.inf, None, "1", True, 10**400),
    "best_value": (math.nan, math.inf, -math.inf, None, "0", False),
    "best_epoch": (0, 4, 1.0, None, -1),
    "waited": (-1, 4, 0.0, None, math.nan),
    "seconds": (-1.0, math.nan, math.inf, None, "1", 10**400),
    "outcome": (None, 0, "diverged", "epochs", "other", ["epochs"], False),
    "data": (None, [], {"a": "b"}, {"a": math.nan}, {"a": None}),
    "history": (None, {}, [], [None] * 3, [{}] * 3, "abc", 3),
}


@pytest.mark.parametrize(("name", "value"), [(k, v) for k, each in WRONG.items() for v in each])
def test_a_leaf_that_cannot_be_is_refused(written, tmp_path, name, value):
    change = lambda header, tensors: header.update({name: value})  # noqa: E731
    refused(edited(written["adam"], tmp_path / "c", change))


@pytest.mark.parametrize("name", WRONG)
def test_a_leaf_that_is_missing_is_refused(written, tmp_path, name):
    refused(edited(written["adam"], tmp_path / "c", lambda header, tensors: header.pop(name)))


@pytest.mark.parametrize(
    ("key", "value"),
    [("epoch", 1), ("loss", None), ("loss", math.nan), ("seconds", "1"), ("reconstruction", [1])],
)
def test_a_record_of_an_epoch_that_cannot_be_is_refused(written, tmp_path, key, value):
    def change(header, tensors):
        header["history"][1][key] = value

    refused(edited(written["adam"], tmp_path / "c", change))


WEIGHT, MEAN = "module.decoder.layers.0.weight", "optimizer.0.exp_avg"


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.update({WEIGHT: tensors[WEIGHT].double()}),
        lambda tensors: tensors.update({WEIGHT: tensors[WEIGHT].T.contiguous()}),
        lambda tensors: tensors.update({WEIGHT: tensors[WEIGHT] * math.nan}),
        lambda tensors: tensors.update({WEIGHT.replace("module", "best"): tensors[WEIGHT] / 0}),
        lambda tensors: tensors.pop(WEIGHT.replace("module", "best")),
        lambda tensors: tensors.update({MEAN: tensors[MEAN][:1].clone()}),
        lambda tensors: tensors.update({MEAN: tensors[MEAN] * math.nan}),
        lambda tensors: tensors.update({MEAN + "_sq": tensors[MEAN + "_sq"] - 1}),
        lambda tensors: tensors.update({"optimizer.0.step": torch.tensor(1.5)}),
        lambda tensors: tensors.update({"optimizer.0.step": torch.tensor(-1.0)}),
        lambda tensors: tensors.update({"optimizer.0.step": torch.ones(2)}),
        lambda tensors: tensors.pop("optimizer.0.step"),
        lambda tensors: tensors.update({"optimizer.99.step": torch.ones(())}),
        lambda tensors: tensors.update({"optimizer.00.step": torch.ones(())}),
        lambda tensors: tensors.update({"optimizer.0": torch.ones(())}),
        lambda tensors: tensors.update({"other": torch.ones(())}),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused(written, tmp_path, change):
    refused(edited(written["adam"], tmp_path / "c", lambda header, tensors: change(tensors)))


def test_the_moments_of_another_optimiser_are_refused(written):
    refused(written["adam"], "sgd")
    refused(written["sgd"], "adam")


@pytest.mark.parametrize("value", [None, 3.0, True, {"a": 1}, -1, 10**30, "\x1b[31m\n"])
def test_a_number_of_a_format_that_is_none(written, tmp_path, value):
    def change(header, tensors):
        header.update(format=value, version=value)

    path = edited(written["adam"], tmp_path / "c", change)
    with pytest.raises(ModelFileError, match="of format unknown, .* of unknown version") as caught:
        fit(path)
    assert str(caught.value).isprintable()


def test_a_finished_fit_that_says_it_goes_on_is_refused(finished, tmp_path):
    """And so is the other way round: neither ends or begins in silence."""
    refused(edited(finished, tmp_path / "c", lambda header, _: header.update(outcome="")))


def test_what_the_files_hold_is_a_state(written, finished, tmp_path):
    """The control: unedited, they are taken up."""
    for optimizer, path in written.items():
        _, state = fit(shutil.copy(path, tmp_path / optimizer), optimizer)
        assert (state.epoch, state.outcome) == (EPOCHS, "epochs")
    assert fit(finished)[1].epoch == EPOCHS


def leaves(value, path=()):
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in items:
            yield from leaves(entry, (*path, key))
    else:
        yield path


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**53 + 1, 3, 4, 5, "epochs", "", "0"]),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.floats(), max_size=2),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_edited_leaf_ends_in_an_error_of_python(written, tmp_path_factory, data):
    """Every file is refused in one line, or the fit goes on to its end with finite losses."""
    path = tmp_path_factory.mktemp("edited") / "c"

    def change(header, tensors):
        for _ in range(data.draw(st.integers(1, 2))):
            place = data.draw(st.sampled_from(list(leaves(header))))
            inner = header
            for key in place[:-1]:
                inner = inner[key]
            if data.draw(st.booleans()):
                inner[place[-1]] = data.draw(ANYTHING)
            elif isinstance(inner, dict):
                del inner[place[-1]]
        header.setdefault("kind", "checkpoint")

    edited(written["adam"], path, change)
    try:
        _, state = fit(path)
    except (ModelFileError, InvalidInputError) as error:
        assert "\n" not in str(error)
        return
    except UserWarning as error:
        assert "max_epochs" in str(error)
        return
    assert state.outcome in ("early stopping", "callback") or state.epoch == EPOCHS
    assert all(math.isfinite(value) for value in state.history["loss"])
