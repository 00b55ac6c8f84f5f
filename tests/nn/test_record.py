"""What may pass between the stages of the formula: eight sketches of models that are not here yet.

Each is a few lines over the record, and learns: its loss falls by a stated share.
"""

from __future__ import annotations

import pytest
import scipy.sparse
import torch
import torch.nn.functional as F
from torch import nn

from isthmus.nn import (
    AutoencoderModule,
    Batch,
    Categorical,
    Dense,
    Deterministic,
    GaussianLatent,
    GaussianNoise,
    Likelihood,
    Noise,
)
from isthmus.training import TensorBatches, TrainingConfig, train


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def learned(module, data, epochs=60, rate=0.01, term="reconstruction"):
    """Train and return the first and the last value of a term."""
    config = TrainingConfig(
        max_epochs=epochs, batch_size=32, learning_rate=rate, early_stopping=False, seed=0
    )
    history = train(module, data, config=config).history
    return history[term][0], history[term][-1]


# 1. Integer tokens through an embedding -----------------------------------------------------------

WORDS, LENGTH = 7, 5


class Embedding(nn.Module):
    takes_record = True

    def __init__(self, out):
        super().__init__()
        self.table, self.head = nn.Embedding(WORDS, 8), nn.Linear(8 * LENGTH, out)

    def forward(self, record):
        assert not record.seen.is_floating_point()
        return self.head(self.table(record.seen).flatten(1))


class Tokens(Likelihood):
    """A softmax over the words at each place."""

    continuous = False

    def log_prob(self, parameters, x):
        return -F.cross_entropy(parameters.unflatten(1, (WORDS, LENGTH)), x, reduction="none")


def sentences(n=256):
    first = torch.randint(WORDS, (n, 1), generator=generator())
    return (first + torch.arange(LENGTH)) % WORDS  # of which one word tells all the others


def test_tokens_go_in_as_integers():
    module = AutoencoderModule(Embedding(3), Dense((3,), (WORDS * LENGTH,), [32]), None, Tokens())
    first, last = learned(module, TensorBatches(sentences()))
    assert last < 0.3 * first


# 2. Sparse rows, dense one batch at a time --------------------------------------------------------


def test_sparse_rows_are_never_dense_beyond_a_batch():
    rows = scipy.sparse.random(300, 2000, 0.01, "csr", dtype="float32", random_state=0)
    largest = []

    def watch(module, x, z, generator):
        largest.append(tuple(x.shape))
        return z.new_zeros(())

    module = AutoencoderModule(
        Dense((2000,), (8,)), Dense((8,), (2000,)), penalties={"watch": watch}
    )
    first, last = learned(module, TensorBatches(rows), epochs=5, rate=1e-3)
    assert last < first
    assert max(n for n, _ in largest) <= 128  # of the look at the weights after the last step
    # And the loss is that of the dense rows.
    dense = torch.from_numpy(rows.toarray())
    module.penalties = {}
    (batch,) = TensorBatches(rows).epoch(0, None, 300, torch.device("cpu"))
    with torch.no_grad():
        sparse, plain = module.losses(batch).total, module.losses(dense).total
    assert float(sparse) == pytest.approx(float(plain))


# 3. An encoder of the visible places alone --------------------------------------------------------


class HidePlaces:
    """Half of the places, the same ones for a batch: the encoder is given the others alone."""

    def __call__(self, x, generator, record):
        order = torch.rand(x.shape[1], generator=generator).argsort()
        visible = order[: x.shape[1] // 2].sort().values
        hidden = torch.ones_like(x, dtype=torch.bool)
        hidden[:, visible] = False
        record.batch.hidden = hidden
        record.side["visible"] = visible
        return x[:, visible]

    def output_shape(self, shape):
        return (shape[0] // 2,)


class OfPlaces(nn.Module):
    takes_record = True

    def __init__(self, places, out):
        super().__init__()
        self.place, self.head = nn.Parameter(0.1 * torch.randn(places, 16)), nn.Linear(16, out)

    def forward(self, record):
        visible = self.place[record.side["visible"]]  # (visible, 16): what a value stands for
        return self.head(torch.relu(record.seen[:, :, None] * visible).mean(1))


class OnHidden(AutoencoderModule):
    """The loss is of what was hidden."""

    def reconstruction(self, record):
        if record.batch.hidden is not None:  # in training
            record.weight = record.batch.hidden.to(record.target.dtype)
        return super().reconstruction(record)


def on_a_line(n=256, d=8):
    t = torch.randn(n, 1, generator=generator())
    return t * torch.linspace(-1, 1, d) + 0.05 * torch.randn(n, d, generator=generator(1))


def test_an_encoder_sees_visible_places_only():
    torch.manual_seed(0)
    module = OnHidden(OfPlaces(8, 4), Dense((4,), (8,)), corruption=HidePlaces())
    first, last = learned(module, on_a_line())
    # What is left of the constant and the noise: the hidden half is known from the visible one.
    constant = 4 * 0.919
    assert last - constant < 0.3 * (first - constant)


# 4. A skip ----------------------------------------------------------------------------------------


class Skipping(nn.Module):
    takes_record = True

    def __init__(self):
        super().__init__()
        self.network = Dense((8,), (2,), [16])

    def forward(self, record):
        record.side["skip"] = record.seen
        return self.network(record.seen)


class Joining(nn.Module):
    takes_record = True

    def __init__(self):
        super().__init__()
        self.network = Dense((2 + 8,), (8,), [16])

    def forward(self, record):
        return self.network(torch.cat([record.z, record.side["skip"]], dim=1))


def test_a_skip_reaches_the_decoder_in_training_and_in_use():
    torch.manual_seed(0)
    x = torch.randn(256, 8, generator=generator())  # of which two numbers can tell a quarter
    module = AutoencoderModule(Skipping(), Joining())
    _, last = learned(module, x, epochs=100)
    assert last - 8 * 0.919 < 0.5 * 0.75 * 8 * 0.5
    with torch.no_grad():
        assert float((module(x) - x).square().sum(1).mean()) < 0.5 * 0.75 * 8


# 5. A teacher-forced decoder with padding ---------------------------------------------------------


class Reader(nn.Module):
    takes_record = True

    def __init__(self):
        super().__init__()
        self.table, self.read = nn.Embedding(WORDS, 8), nn.GRU(8, 16, batch_first=True)

    def forward(self, record):
        return self.read(self.table(record.seen))[1][0]


class Writer(nn.Module):
    """Each word from the one before it, which is the target shifted by one, and the code."""

    takes_record = True

    def __init__(self):
        super().__init__()
        self.table, self.write = nn.Embedding(WORDS + 1, 8), nn.GRU(8, 16, batch_first=True)
        self.head = nn.Linear(16, WORDS)

    def forward(self, record):
        before = F.pad(record.target[:, :-1], (1, 0), value=WORDS)
        h, _ = self.write(self.table(before), record.z[None].contiguous())
        return self.head(h).transpose(1, 2).flatten(1)


def test_a_teacher_forced_decoder_with_padding():
    torch.manual_seed(0)
    x = sentences()
    lengths = torch.randint(2, LENGTH + 1, (len(x), 1), generator=generator(2))
    known = torch.arange(LENGTH) < lengths
    padded = x.where(known, torch.zeros_like(x))
    module = AutoencoderModule(Reader(), Writer(), None, Tokens())
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    losses = []
    for _ in range(80):
        loss = module.losses(Batch(padded, observed=known)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]
    # What is padded has no part in the loss, whatever stands there.
    with torch.no_grad():
        target = x.where(known, torch.full_like(x, 3))
        a = module.losses(Batch(padded, target=padded, observed=known)).total
        b = module.losses(Batch(padded, target=target, observed=known)).total
    assert torch.equal(a, b)


# 6. A code of two levels with a rate --------------------------------------------------------------


class TwoLevels(Deterministic):
    """z, and a summary of it from which its scale is predicted: the rate is that of both."""

    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(4, 2), nn.Linear(2, 4)

    def sample(self, h, generator=None):
        noise = torch.rand(h.shape, generator=generator) - 0.5
        z = h + noise  # rounding, as training has it
        upper = self.up(h.abs())
        scale = F.softplus(self.down(upper)) + 0.1
        nats = 0.5 * (z / scale).square() + scale.log()
        return z, nats.sum(1) + 0.5 * upper.square().sum(1)


def test_a_code_of_two_levels_with_a_rate():
    torch.manual_seed(0)
    module = AutoencoderModule(Dense((8,), (4,)), Dense((4,), (8,)), TwoLevels())
    config = TrainingConfig(max_epochs=60, batch_size=32, learning_rate=0.01, early_stopping=False)
    history = train(module, 3 * on_a_line(), config=config).history
    assert history["loss"][-1] < history["loss"][0] - 1
    assert history["divergence"][-1] != 0


# 7. A blind spot ----------------------------------------------------------------------------------


class BlindSpot:
    """A few values are replaced by those of their neighbours: they alone are in the loss."""

    def __call__(self, x, generator, record):
        hidden = torch.rand(x.shape, generator=generator) < 0.2
        record.batch.hidden = hidden
        return torch.where(hidden, x.roll(1, 1), x)


def test_a_blind_spot_learns_from_noisy_data_alone():
    torch.manual_seed(0)
    clean = on_a_line(512)
    noisy = clean + 0.5 * torch.randn(clean.shape, generator=generator(5))
    module = OnHidden(Dense((8,), (4,)), Dense((4,), (8,)), corruption=BlindSpot())
    learned(module, noisy, epochs=100)
    with torch.no_grad():
        error = float((module(noisy) - clean).square().mean())
    assert error < 0.5 * 0.25  # half of the noise is gone, and no clean row was seen


# 8. Two halves of a batch -------------------------------------------------------------------------


@pytest.mark.parametrize("latent", ["deterministic", "gaussian"])
def test_two_half_batches_give_the_gradient_of_the_whole(latent):
    torch.manual_seed(0)
    gaussian = latent == "gaussian"
    module = AutoencoderModule(
        Dense((8,), (2 * 3 if gaussian else 3,), [16], dropout=0.3),
        Dense((3,), (8,), [16], dropout=0.3),
        GaussianLatent() if gaussian else None,
        corruption=GaussianNoise(0.3),
    ).train()
    whole = Batch(on_a_line(32), noise=Noise())

    def gradient(batch):
        module.zero_grad()
        module.losses(batch).total.backward()
        return [parameter.grad.clone() for parameter in module.parameters()]

    whole.noise.manual_seed(7)
    expected = gradient(whole)
    halves = []
    for start in (0, 16):
        half = whole.select(slice(start, start + 16))
        half.noise = Noise().manual_seed(7).rows(start, 16, 32)
        halves.append(gradient(half))
    for one, first, second in zip(expected, *halves, strict=True):
        torch.testing.assert_close((first + second) / 2, one)
    # Without that each half would draw what the first rows of the batch have drawn.
    other = whole.select(slice(16, 32))
    other.noise = Noise().manual_seed(7)
    assert not torch.allclose(gradient(other)[0], halves[1][0])


def test_classes_are_seen_one_hot_whatever_the_batch_is():
    module = AutoencoderModule(Dense((6,), (2,)), Dense((2,), (6,)), None, Categorical(3))
    x = torch.tensor([[0.0, 2.0], [1.0, 1.0]])
    record = module.observe(Batch(x))
    assert record.seen.shape == (2, 6)
    assert torch.equal(record.target, x)
