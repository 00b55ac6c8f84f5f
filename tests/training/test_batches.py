"""Batches: every row once; order and noise are functions of seed, epoch and number alone."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from torch import nn

from isthmus.errors import InvalidInputError
from isthmus.nn import AutoencoderModule, Dense, Gaussian, GaussianLatent, GaussianNoise, Losses
from isthmus.nn.noise import Noise, normal_like, seed_of
from isthmus.nn.record import Batch
from isthmus.training import (
    Objective,
    TensorBatches,
    TrainingConfig,
    backpropagation,
    binarized,
    evaluate,
    new_state,
    train,
    trimmed,
    walk_back,
)
from isthmus.training.batches import count_batches

CPU = torch.device("cpu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n=100, seed=1):
    return torch.randn(n, 6, generator=generator(seed))


def module(seed=0):
    """Corruption, dropout and a posterior: all draw."""
    source = generator(seed)
    return AutoencoderModule(
        Dense((6,), (4,), [8], dropout=0.2, generator=source),
        Dense((2,), (6,), [8], dropout=0.2, generator=source),
        GaussianLatent(),
        Gaussian("learned"),
        corruption=GaussianNoise(0.2),
    )


# Order --------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(n=st.integers(1, 200), size=st.integers(1, 70), seed=st.integers(0, 100))
def test_every_row_is_seen_exactly_once_an_epoch(n, size, seed):
    data = TensorBatches(torch.arange(n)[:, None])
    parts = list(data.epoch(seed, 3, size, CPU))
    order = torch.cat([batch.x[:, 0] for batch in parts])
    assert sorted(order.tolist()) == list(range(n))
    assert torch.equal(order, torch.randperm(n, generator=generator(seed_of(seed, 3))))
    assert torch.equal(order, torch.cat([batch.rows for batch in parts]))
    sizes = [len(batch) for batch in parts]
    if n > 1 and size > 1:
        assert min(sizes) >= 2  # batch normalisation has no variance of one
    assert all(s == size for s in sizes[:-1])
    assert 1 <= sizes[-1] <= size + 1
    if n % size != 1 or size == 1 or n == 1:
        assert len(parts) == math.ceil(n / size)
    assert len(parts) == count_batches(n, size)
    if n > 20:  # the next epoch has another order
        assert not torch.equal(torch.cat([b.rows for b in data.epoch(seed, 4, size, CPU)]), order)
    in_order = list(data.epoch(seed, None, size, CPU))
    assert [len(batch) for batch in in_order] == sizes
    assert torch.cat([b.x[:, 0] for b in in_order]).tolist() == list(range(n))
    assert torch.cat([b.rows for b in in_order]).tolist() == list(range(n))


def test_an_epoch_does_not_depend_on_those_before():
    """What makes a resumed fit need no generator: any epoch by itself, in any order."""
    data = TensorBatches(rows(50), condition=rows(50, 2))

    def drawn(epoch):
        return [
            (b.x, b.condition, b.rows, normal_like(b.x, b.noise))
            for b in data.epoch(7, epoch, 16, CPU)
        ]

    first = {epoch: drawn(epoch) for epoch in (0, 1, 2, None)}
    for epoch in (None, 2, 0, 1):
        for one, other in zip(first[epoch], drawn(epoch), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    noises = [batch[3] for epoch in first for batch in first[epoch]]
    assert len({tuple(noise[0].tolist()) for noise in noises}) == len(noises)  # no two are alike


def test_one_generator_is_seeded_anew():
    parts = list(TensorBatches(rows(50)).epoch(0, 0, 16, CPU))
    assert len({id(batch.noise) for batch in parts}) == 1
    assert isinstance(parts[0].noise, Noise)
    assert [b.noise.initial_seed() for b in TensorBatches(rows(50)).epoch(5, 2, 16, CPU)] == [
        seed_of(5, 2, number) for number in range(4)
    ]


# What goes with a row -----------------------------------------------------------------------------


def test_all_parts_of_a_row_stay_together():
    n = 40
    number = torch.arange(n)
    data = TensorBatches(
        {"a": number[:, None].float(), "b": number[:, None] * 2},
        condition=number[:, None] * 3,
        target=number[:, None] * 4,
        weight=number * 5,
    )
    for batch in data.epoch(0, 0, 8, CPU):
        assert torch.equal(batch.x["a"][:, 0].long(), batch.rows)
        assert torch.equal(batch.x["b"][:, 0], batch.rows * 2)
        assert torch.equal(batch.condition[:, 0], batch.rows * 3)
        assert torch.equal(batch.target[:, 0], batch.rows * 4)
        assert torch.equal(batch.weight, batch.rows * 5)
    assert len(data) == n
    form = data.form
    assert len(form) == 0
    assert form.x["a"].shape == (0, 1)
    assert form.x["b"].dtype == torch.long
    assert form.weight.shape == (0,)


def test_held_out_rows_keep_their_numbers_and_are_not_trained_on():
    x = torch.arange(50.0)[:, None]
    out = np.zeros(50, bool)
    out[[3, 4, 20, 49]] = True
    data = TensorBatches(x, condition=x * 2, weight=x[:, 0]).split(out)
    seen = list(data.epoch(0, 0, 16, CPU))
    held = list(data.held_out.epoch(0, None, 16, CPU))
    assert sorted(torch.cat([b.rows for b in seen]).tolist()) == np.flatnonzero(~out).tolist()
    assert torch.cat([b.rows for b in held]).tolist() == [3, 4, 20, 49]
    for batch in seen + held:
        assert torch.equal(batch.x[:, 0].long(), batch.rows)
        assert torch.equal(batch.condition, batch.x * 2)
        assert torch.equal(batch.weight, batch.x[:, 0])
    assert (len(data), len(data.held_out)) == (46, 4)


def test_sparse_rows_are_dense_a_batch_at_a_time_only(monkeypatch):
    whole = (torch.rand(100, 6, generator=generator(3)) < 0.3).float()
    csr, dense, original = sparse.csr_matrix(whole.numpy()), [], sparse.csr_matrix.toarray

    def watched(self, *arguments, **options):
        dense.append(self.shape[0])
        return original(self, *arguments, **options)

    monkeypatch.setattr(sparse.csr_matrix, "toarray", watched)
    data = TensorBatches(csr).split(np.arange(100) % 10 == 0)
    parts = list(data.epoch(0, 0, 16, CPU)) + list(data.held_out.epoch(0, None, 16, CPU))
    assert len(dense) == len(parts)
    assert max(dense) <= 16
    for batch in parts:
        assert torch.equal(batch.x, whole[batch.rows])
    kept = TensorBatches(csr, sparse=True)
    for batch in kept.epoch(0, 0, 16, CPU):
        assert batch.x.layout is torch.sparse_csr
        assert torch.equal(batch.x.to_dense(), whole[batch.rows])


def test_sparse_rows_train_as_dense_ones_do():
    whole = (torch.rand(100, 6, generator=generator(3)) < 0.3).float()
    config = TrainingConfig(max_epochs=2, batch_size=32)
    results = []
    for data in (TensorBatches(whole), TensorBatches(sparse.csr_matrix(whole.numpy())), whole):
        net = module()
        train(net, data, config=config)
        results.append(nn.utils.parameters_to_vector(net.parameters()).detach())
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


# Noise --------------------------------------------------------------------------------------------


def test_held_out_losses_of_weights_that_stay_are_the_same_every_epoch():
    def still(state, batch):
        return Losses(reconstruction=torch.tensor(1.0))

    config = TrainingConfig(max_epochs=4, early_stopping=False)
    state = train(module(), rows(), config=config, step=still, validation=(rows(20, 2), None))
    assert len(set(state.history["val_loss"])) == 1
    other = TrainingConfig(max_epochs=1, early_stopping=False, seed=1)
    again = train(module(), rows(), config=other, step=still, validation=(rows(20, 2), None))
    assert again.history["val_loss"][0] != state.history["val_loss"][0]  # so there is noise


RULES = {
    "backpropagation": backpropagation,
    "walk back": walk_back(2),
    "trimmed": trimmed(backpropagation, 0.2),
    "binarized": binarized(backpropagation),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_step_is_a_function_of_the_state_and_the_batch(rule):
    """The same twice, whatever happened between, and torch's generator is not touched."""
    results = []
    for disturbance in (0, 3):
        for _ in range(disturbance):
            torch.rand(1)
        state = new_state(module(), TrainingConfig())
        before = torch.get_rng_state()
        for batch in TensorBatches(rows().sigmoid()).epoch(1, 5, 32, CPU):
            losses = RULES[rule](state, batch)
        assert torch.equal(torch.get_rng_state(), before)
        results.append((losses.total, nn.utils.parameters_to_vector(state.module.parameters())))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_networks_that_draw_globally_get_the_noise_of_the_batch(tmp_path):
    """Each batch by itself: what an interrupted epoch drew does not matter."""
    seen = []

    class Drawing(nn.Module):
        def forward(self, x):
            seen.append(torch.rand(()).item())
            return x[:, :2]

    net = AutoencoderModule(Drawing(), nn.Linear(2, 6))
    data = TensorBatches(rows(64), held_out=TensorBatches(rows(10, 2)))
    config = TrainingConfig(max_epochs=2, batch_size=32, global_random=True, seed=4)
    train(net, data, config=config)
    expected = []
    for key in ((4, 0, 0), (4, 0, 1), (4, -1, 0), (4, 1, 0), (4, 1, 1), (4, -1, 0)):
        expected.append(torch.rand((), generator=generator(seed_of(*key))).item())
    assert seen == expected


# Several processes --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [64, 63, 97])
def test_two_halves_have_the_gradient_of_the_whole(n):
    """Each with half of every batch and with the noise of its rows."""
    data, net = (
        TensorBatches(rows(n)),
        AutoencoderModule(
            Dense((6,), (2,), [8], generator=generator()),
            Dense((2,), (6,), [8], generator=generator(1)),
            corruption=lambda x, noise: x + normal_like(x, noise, 0.5),
        ),
    )
    objective = Objective(net.train())

    def gradients(batches):
        net.zero_grad()
        parts = list(batches)
        total = sum(len(batch) for batch in parts)
        for batch in parts:
            (objective(batch).total * (len(batch) / total)).backward()
        return [p.grad.clone() for p in net.parameters()]

    halves = [data.share(part, 2) for part in (0, 1)]
    epochs = zip(data.epoch(0, 0, 32, CPU), *(h.epoch(0, 0, 32, CPU) for h in halves), strict=True)
    for whole, first, second in epochs:
        assert torch.equal(whole.rows, torch.cat([first.rows, second.rows]))
        assert abs(len(first) - len(second)) <= 1
        expected = gradients([whole])
        for one, other in zip(gradients([first, second]), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
        first.noise.manual_seed(1)  # the same rows with other noise: another gradient
        second.noise.manual_seed(2)
        different = gradients([first, second])
        assert any((a - b).abs().max() > 1e-3 for a, b in zip(different, expected, strict=True))


def test_a_trimmed_part_of_a_batch_draws_for_the_rows_it_keeps():
    state = new_state(module(), TrainingConfig())
    for batch in TensorBatches(rows(64)).share(1, 2).epoch(0, 0, 32, CPU):
        losses = trimmed(backpropagation, 0.2)(state, batch)
        assert torch.isfinite(losses.total)


def test_a_part_that_is_not_there_is_refused():
    with pytest.raises(
        InvalidInputError, match="^part: expected a number from 0 to below 2; got 2"
    ):
        TensorBatches(rows()).share(2, 2)
    few = TensorBatches(rows(3)).share(0, 4)
    with pytest.raises(InvalidInputError, match="^batch_size: a batch of 3 rows cannot be shared"):
        list(few.epoch(0, 0, 8, CPU))


# Data of one's own --------------------------------------------------------------------------------


class Stream:
    """A protocol is enough: rows that are made when they are wanted, and a state of their own."""

    held_out = None

    def __init__(self):
        self.read = 0

    def __len__(self):
        return 64

    @property
    def form(self):
        return Batch(rows()[:0])

    def epoch(self, seed, epoch, batch_size, device):
        key = -1 if epoch is None else epoch
        for number in range(2):
            self.read += 1
            noise = Noise(device).manual_seed(seed_of(seed, key, number))
            yield Batch(rows(32, number), noise=noise)

    def state(self):
        return {"read": self.read}

    def restore(self, state):
        self.read = int(state["read"])


def test_a_loop_takes_data_of_ones_own_and_keeps_their_state(tmp_path):
    from isthmus.training import Checkpoint

    config = TrainingConfig(max_epochs=3, batch_size=32)
    data = Stream()
    state = train(module(), data, config=config, checkpoint=Checkpoint(tmp_path / "c", "fit"))
    assert state.data == {"read": 6}
    assert len(state.history) == 3
    again = Stream()
    train(module(), again, config=config, checkpoint=Checkpoint(tmp_path / "c", "fit"))
    assert again.read == 6 + 1  # nothing is trained; one batch is looked at in the end
    assert math.isfinite(float(evaluate(module(), Stream()).total))
