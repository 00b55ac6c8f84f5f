"""A fit that is interrupted and resumed against the same fit in one go: equal to the last bit."""

import copy
import dataclasses
import math
import time

import pytest
import torch
from torch import nn

import isthmus
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.nn import (
    L1,
    AutoencoderModule,
    Dense,
    Gaussian,
    GaussianLatent,
    Masking,
    TiedDense,
)
from isthmus.storage.container import read_header, read_tensor_file, write_tensor_file
from isthmus.training import (
    Checkpoint,
    TrainingConfig,
    Warmup,
    backpropagation,
    fingerprint,
    train,
)

EPOCHS = 9


class Interrupted(Exception):
    """Stands for whatever ends a process in the middle of a fit."""


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


X = torch.randn(70, 6, generator=generator(1))
HELD_OUT = torch.randn(30, 6, generator=generator(2))


def everything():
    """Corruption, dropout, batch statistics, a posterior, a learned scale and a penalty."""
    source = generator()
    style = {"dropout": 0.2, "normalization": "batch", "generator": source}
    return AutoencoderModule(
        Dense((6,), (4,), [8], **style),
        Dense((2,), (6,), [8], **style),
        GaussianLatent(),
        Gaussian("learned"),
        corruption=Masking(0.2),
        penalties={"l1": L1()},
    )


def tied():
    encoder = Dense((6,), (2,), [8], generator=generator())
    return AutoencoderModule(encoder, TiedDense(encoder, (6,), 2, generator=generator(3)))


def of_ones_own():
    """Networks that draw from torch's global generator, and share a weight between them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, last = nn.Linear(6, 8, bias=False), nn.Linear(8, 6)
        last.weight = nn.Parameter(torch.randn(6, 8))
        decoder = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.3), last)
        encoder = nn.Sequential(first, nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 2))
    return AutoencoderModule(encoder, decoder)


def sharing():
    """A user's own decoder that uses a layer of the encoder's."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        middle = nn.Linear(6, 6)
        return AutoencoderModule(
            nn.Sequential(middle, nn.Tanh(), nn.Linear(6, 2)),
            nn.Sequential(nn.Linear(2, 6), nn.Tanh(), middle),
        )


def config(**changes):
    """Patience short enough for a plateau and a rate high enough to get worse again."""
    values = {
        "max_epochs": EPOCHS,
        "batch_size": 16,
        "learning_rate": 0.05,
        "learning_rate_schedule": "plateau",
        "weight_decay": 1e-3,
        "gradient_clip": 1.0,
        "patience": 4,
        "coefficients": {"divergence": Warmup(1.0, 2)},
        "seed": 11,
    }
    return TrainingConfig(**values | changes)


CASES = {
    "everything": (everything, config()),
    "everything, adamw, cosine": (
        everything,
        config(optimizer="adamw", learning_rate_schedule="cosine"),
    ),
    "everything, sgd": (everything, config(optimizer="sgd", learning_rate=0.005)),
    "everything, to the last epoch": (everything, config(early_stopping=False)),
    "tied": (tied, config(coefficients={})),
    "of one's own": (of_ones_own, config(global_random=True, coefficients={})),
    "sharing a layer": (sharing, config(coefficients={})),
}


def fit(case, path=None, interval=0.0, validation=True, **arguments):
    make, settings = CASES[case]
    checkpoint = None if path is None else Checkpoint(path, "the fit", interval)
    module = make()
    state = train(
        module,
        X,
        config=settings,
        validation=(HELD_OUT, None) if validation else None,
        checkpoint=checkpoint,
        **arguments,
    )
    return module, state


def interrupt_before(epoch):
    def hook(state):
        if state.epoch + 1 == epoch:
            raise Interrupted

    return {"before_epoch": hook}


def interrupt_after(epoch):
    def hook(state, record):
        if state.epoch == epoch:
            raise Interrupted

    return {"after_epoch": [hook]}


def interrupt_within(epoch):
    steps = []

    def step(state, batch):
        steps.append(state.epoch + 1)
        if steps.count(epoch) == 2:
            raise Interrupted
        return backpropagation(state, batch)

    return {"step": step}


def everything_of(module, state):
    """All that a fit ends with, but for the seconds."""
    records = [{k: v for k, v in r.items() if k != "seconds"} for r in state.history.records]
    optimizer = state.optimizer.state_dict()["state"]
    return (
        {name: tensor.clone() for name, tensor in module.state_dict().items()},
        {f"{i}.{name}": value for i, part in optimizer.items() for name, value in part.items()},
        {"seed": torch.tensor(state.seed)},
        dict(state.best),
        records,
        [
            getattr(state, name)
            for name in (
                "epoch steps rate_scale best_value best_epoch waited outcome coefficients".split()
            )
        ],
    )


def assert_same(found, expected):
    for a, b in zip(found[:4], expected[:4], strict=True):
        assert a.keys() == b.keys()
        for name in a:
            same = a[name] is b[name] or torch.equal(torch.as_tensor(a[name]), b[name])
            assert same, name
    assert found[4:] == expected[4:]


@pytest.fixture(scope="module")
def uninterrupted():
    """Each fit in one go, without a checkpoint, made once."""
    results = {}

    def get(case):
        if case not in results:
            results[case] = everything_of(*fit(case))
        return results[case]

    return get


# Resuming -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [interrupt_before, interrupt_within, interrupt_after])
@pytest.mark.parametrize("epoch", range(1, EPOCHS))
def test_interrupted_at_any_epoch_and_resumed(uninterrupted, tmp_path, epoch, how):
    expected = uninterrupted("everything, to the last epoch")
    path = tmp_path / "fit.checkpoint"
    with pytest.raises(Interrupted):
        fit("everything, to the last epoch", path, **how(epoch))
    assert path.exists() == (epoch > 1)
    if path.exists():
        assert read_header(path, "checkpoint")["epoch"] == epoch - 1
    steps = []

    def counted(state, batch):
        steps.append(state.epoch)
        return backpropagation(state, batch)

    module, state = fit("everything, to the last epoch", path, step=counted)
    assert_same(everything_of(module, state), expected)
    assert steps[0] == epoch - 1  # it went on; it did not begin anew
    assert not module.training


@pytest.mark.parametrize("case", [case for case in CASES if "last" not in case])
def test_interrupted_again_and_again(uninterrupted, tmp_path, case):
    expected, path, attempts = uninterrupted(case), tmp_path / "fit.checkpoint", 0
    while True:
        try:
            how = (interrupt_within, interrupt_before)[attempts % 2](attempts // 2 + 2)
            module, state = fit(case, path, **how)
            break
        except Interrupted:
            attempts += 1
    assert attempts >= 2
    assert_same(everything_of(module, state), expected)


def test_the_case_has_what_makes_it_hard(uninterrupted):
    """Otherwise the tests above would prove less than they seem to."""
    weights, moments, _, best, records, scalars = uninterrupted("everything")
    epoch, steps, rate_scale, _, best_epoch, _, outcome, _ = scalars
    assert outcome == "early stopping"
    assert best_epoch < epoch <= EPOCHS
    assert rate_scale < 1  # the plateau rule was at work
    assert [record["coefficient_divergence"] for record in records[:3]] == [0.0, 0.5, 1.0]
    assert steps == epoch * math.ceil(len(X) / 16)
    assert moments
    assert weights.keys() == best.keys()
    assert any("running_mean" in name for name in weights)


def test_the_best_state_survives_an_interruption(uninterrupted, tmp_path):
    """Interrupted after the best epoch, the best weights can come from the file only."""
    expected, path = uninterrupted("everything"), tmp_path / "fit.checkpoint"
    best_epoch, last = expected[5][4], expected[5][0]
    with pytest.raises(Interrupted):
        fit("everything", path, **interrupt_before(last))
    assert read_header(path, "checkpoint")["epoch"] >= best_epoch
    assert_same(everything_of(*fit("everything", path)), expected)


def test_writing_checkpoints_changes_nothing(uninterrupted, tmp_path):
    result = everything_of(*fit("everything", tmp_path / "fit.checkpoint"))
    assert_same(result, uninterrupted("everything"))


@pytest.mark.parametrize("case", ["everything", "everything, to the last epoch", "of one's own"])
def test_a_finished_fit_is_not_trained_again(uninterrupted, tmp_path, case):
    path = tmp_path / "fit.checkpoint"
    fit(case, path)
    content = path.read_bytes()

    def never(*arguments):
        raise AssertionError("a finished fit was trained")

    module, state = fit(case, path, step=never, before_epoch=never, after_epoch=[never])
    assert_same(everything_of(module, state)[:1] + ({},) * 3, (uninterrupted(case)[0],) + ({},) * 3)
    assert state.outcome in ("early stopping", "epochs")
    assert state.history["loss"] == [record["loss"] for record in uninterrupted(case)[4]]
    assert path.read_bytes() == content


def test_a_fit_that_a_hook_ended_is_finished(tmp_path):
    path = tmp_path / "fit.checkpoint"
    module, state = fit("tied", path, after_epoch=[lambda state, record: state.epoch == 3])
    assert state.outcome == "callback"
    again, resumed = fit("tied", path)
    assert resumed.outcome == "callback"
    assert resumed.epoch == 3
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


def test_a_diverged_fit_leaves_the_last_good_checkpoint(tmp_path):
    path = tmp_path / "fit.checkpoint"

    def poison(state, batch):
        losses = backpropagation(state, batch)
        if state.epoch == 3:
            with torch.no_grad():
                next(state.module.parameters()).fill_(math.nan)
        return losses

    with pytest.warns(UserWarning, match="in epoch 4"):
        fit("tied", path, step=poison)
    header, tensors = read_tensor_file(path, "checkpoint")
    assert (header["epoch"], header["outcome"]) == (3, "")
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


def test_without_held_out_rows(tmp_path):
    path = tmp_path / "fit.checkpoint"
    expected = everything_of(*fit("everything", validation=False))
    with pytest.raises(Interrupted):
        fit("everything", path, validation=False, **interrupt_before(5))
    assert_same(everything_of(*fit("everything", path, validation=False)), expected)


# Another max_epochs -------------------------------------------------------------------------------


def longer(path, epochs, record=None):
    module, settings = everything(), config(max_epochs=epochs, early_stopping=False)
    settings = dataclasses.replace(settings, learning_rate_schedule="cosine")
    return train(
        module,
        X,
        config=settings,
        checkpoint=Checkpoint(path, "the fit", 0.0),
        before_epoch=None if record is None else lambda state: record.append(state.epoch),
    )


@pytest.mark.parametrize(("first", "second"), [(4, 7), (7, 4)])
def test_another_length_is_taken_up_by_the_new_schedule_and_said_once(tmp_path, first, second):
    path, epochs = tmp_path / "fit.checkpoint", []
    longer(path, first)
    with pytest.warns(UserWarning, match=f"max_epochs={first}; it goes on .* of {second}") as found:
        state = longer(path, second, epochs)
    assert len(found) == 1
    assert epochs == list(range(first, second))
    assert (state.epoch, state.outcome) == (max(first, second), "epochs")
    expected = [  # per step, by the new schedule: the rates of the last step of each new epoch
        0.05 * (1 + math.cos(math.pi * (5 * epoch - 1) / (5 * second))) / 2
        for epoch in range(first + 1, second + 1)
    ]
    assert state.history["learning_rate"][first:] == pytest.approx(expected)
    if second > first:
        longer(path, second)  # from now on it is a fit of the new length: nothing is said


# When it is written -------------------------------------------------------------------------------


@pytest.mark.parametrize(("interval", "expected"), [(0.0, 9), (3.2, 3), (1e9, 1)])
def test_it_is_written_in_the_interval_and_at_the_end(tmp_path, monkeypatch, interval, expected):
    clock, writes = [time.monotonic()], []
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    original = Checkpoint.save
    monkeypatch.setattr(
        Checkpoint, "save", lambda self, state: (writes.append(state.epoch), original(self, state))
    )

    def one_second(state):
        clock[0] += 1.0

    _, state = fit(
        "everything, to the last epoch", tmp_path / "file", interval, before_epoch=one_second
    )
    assert len(writes) == expected
    assert writes[-1] == state.epoch == 9
    assert read_header(tmp_path / "file", "checkpoint")["outcome"] == "epochs"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# What is refused ----------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "fit.checkpoint"
    with pytest.raises(Interrupted):
        fit("everything", path, **interrupt_before(4))
    return path


def test_the_checkpoint_of_another_fit_is_refused(written):
    content = written.read_bytes()
    module = everything()
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(InvalidInputError, match="^checkpoint: .*other settings or other data") as e:
        train(module, X, config=config(), checkpoint=Checkpoint(written, "another fit", 0.0))
    assert "\n" not in str(e.value)
    assert str(written) in str(e.value)
    assert written.read_bytes() == content
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


@pytest.mark.parametrize("at", [0.0, 0.1, 0.3, 0.6, 0.99])
def test_a_damaged_checkpoint_is_refused(written, at):
    data = bytearray(written.read_bytes())
    data[int(at * len(data))] ^= 0x10
    written.write_bytes(data)
    with pytest.raises(ModelFileError, match="damaged"):
        fit("everything", written)


def test_half_a_checkpoint_is_refused(written):
    written.write_bytes(written.read_bytes()[:1000])
    with pytest.raises(ModelFileError):
        fit("everything", written)


def test_a_checkpoint_of_another_network_is_refused(written):
    """With a fingerprint that does not tell networks of one's own apart."""
    with pytest.raises(ModelFileError, match="cannot be resumed from"):
        fit("tied", written)


@pytest.mark.parametrize(
    "change",
    [
        lambda header, tensors: header.pop("history"),
        lambda header, tensors: header.pop("waited"),
        lambda header, tensors: header.update(history=None),
        lambda header, tensors: header.pop("data"),
        lambda header, tensors: header.pop("max_epochs"),
        lambda header, tensors: tensors.pop("module.decoder.layers.0.weight"),
        lambda header, tensors: tensors.update({"optimizer.x.step": torch.zeros(())}),
    ],
)
def test_a_whole_file_with_the_wrong_content_is_refused(written, change):
    header, tensors = read_tensor_file(written, "checkpoint")
    change(header, tensors)
    kind = header.pop("kind")
    write_tensor_file(written, kind, header, tensors)
    with pytest.raises(ModelFileError, match="cannot be resumed from") as caught:
        fit("everything", written)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"format": None}, {"format": 4, "version": "9.9"}])
def test_a_checkpoint_of_another_format_is_refused_in_one_line(written, change):
    """The first format had no number."""
    header, tensors = read_tensor_file(written, "checkpoint")
    assert header["format"] == 3
    assert header["version"] == isthmus.__version__
    kind = header.pop("kind")
    header = {k: v for k, v in (header | change).items() if v is not None}
    write_tensor_file(written, kind, header, tensors)
    content = written.read_bytes()
    expected = f"of format {change['format'] or 1}, .* reads format 3: delete the file"
    with pytest.raises(ModelFileError, match=expected) as caught:
        fit("everything", written)
    assert "\n" not in str(caught.value)
    assert written.read_bytes() == content


def test_a_model_file_is_no_checkpoint(tmp_path):
    path = tmp_path / "fit.checkpoint"
    write_tensor_file(path, "model", {"fingerprint": "the fit"}, {})
    with pytest.raises(ModelFileError, match="is a model file of Isthmus; expected a checkpoint"):
        fit("everything", path)


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(InvalidInputError) as caught:
        fit("tied", tmp_path / "missing" / "fit.checkpoint")
    assert "missing" in str(caught.value)
    assert "\n" not in str(caught.value)


# Fingerprints -------------------------------------------------------------------------------------


def test_fingerprints_tell_fits_apart():
    x, y = torch.arange(6.0), torch.ones(2)
    different = [
        fingerprint("a", x),
        fingerprint("b", x),
        fingerprint("a", x, y),
        fingerprint("a", x + 1e-6),
        fingerprint("a", x.reshape(2, 3)),
        fingerprint("a", x.reshape(3, 2)),
        fingerprint("a"),
    ]
    assert len(set(different)) == len(different)


def test_fingerprints_of_the_same_fit_are_the_same():
    x = torch.arange(6.0).reshape(2, 3)
    copied = torch.arange(6.0).reshape(2, 3).T.contiguous().T  # same values, other strides
    assert fingerprint("a", x) == fingerprint("a", copied) == fingerprint("a", x, None)
