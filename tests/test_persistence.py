"""One safe file: what comes back from it, what it holds, and what it refuses."""

from __future__ import annotations

import io
import json
import math
import pickle
import random
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

import isthmus
from isthmus.errors import InvalidInputError, IsthmusError, ModelFileError
from isthmus.models import ESTIMATORS
from isthmus.persistence import FORMAT_VERSION, describe, load
from isthmus.storage.container import read_tensor_file, write_tensor_file

STORED = Path(__file__).parent / "data_files"
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(60, 6))
SIGNAL = RNG.normal(size=(30, 20, 2))
IMAGES = RNG.integers(0, 256, (30, 9, 10)).astype(np.uint8)
COLOUR = RNG.random((20, 8, 9, 3))
MIXED = np.column_stack([TABLE[:, 0], TABLE[:, 1] > 0, RNG.integers(0, 4, 60), TABLE[:, 2]])
HOLES = np.where(RNG.random(TABLE.shape) < 0.2, np.nan, TABLE)
LABELS = np.array(["a", "b", "c"] * 20)
FRAME = pd.DataFrame(TABLE, columns=[f"column {i}" for i in range(6)])

EVERY = tuple(ESTIMATORS)
# Weights in one direction only are what the first two learn from; in a GAN each has its own game.
TYING = tuple(name for name in EVERY if name not in ("predictive_sparse", "recirculation", "gan"))
CASES = {
    **{f"{name}, table": (name, {}, TABLE, None) for name in EVERY},
    **{f"{name}, signal": (name, {}, SIGNAL, None) for name in EVERY},
    **{f"{name}, images": (name, {}, IMAGES, None) for name in EVERY},
    **{f"{name}, colour": (name, {}, COLOUR, None) for name in EVERY},
    **{f"{name}, frame": (name, {}, FRAME, None) for name in EVERY},
    **{f"{name}, missing": (name, {"missing": "ignore"}, HOLES, None) for name in EVERY},
    **{f"{name}, mixed": (name, {"tied_weights": False}, MIXED, None) for name in EVERY},
    **{f"{name}, tied": (name, {"tied_weights": True}, TABLE, None) for name in TYING},
    "tied, deep": ("autoencoder", {"tied_weights": True, "activation": "tanh"}, TABLE, None),
    "topk": ("sparse", {"sparsity": "topk", "k": 2}, TABLE, None),
    "kl": ("sparse", {"sparsity": "kl"}, TABLE, None),
    "conditional": ("variational", {"conditional": True}, TABLE, LABELS),
    "conditional images": ("variational", {"conditional": True}, IMAGES, LABELS[:30]),
    "numbered classes": ("variational", {"conditional": True}, TABLE, np.arange(60) % 4),
    "boolean classes": ("variational", {"conditional": True}, TABLE, LABELS == "a"),
    "amounts": ("variational", {"conditional": True}, TABLE, TABLE[:, :2] * 3 + 1),
    "normalised": ("autoencoder", {"normalization": "batch", "dropout": 0.1}, TABLE, None),
    "layer norm": ("autoencoder", {"normalization": "layer", "activation": "gelu"}, IMAGES, None),
    "learned scale": ("autoencoder", {"likelihood": "gaussian_learned_scale"}, TABLE, None),
    "predicted scale": ("autoencoder", {"likelihood": "gaussian_predicted_scale"}, TABLE, None),
    "classes": ("autoencoder", {}, RNG.integers(0, 3, (40, 4)), None),
    "minmax": ("autoencoder", {"likelihood": "continuous_bernoulli"}, TABLE, None),
    "linear": ("autoencoder", {"hidden_layer_sizes": ()}, TABLE, None),
    "levels": ("variational", {"likelihood": "discretized_logistic"}, IMAGES, None),
    "one column": ("autoencoder", {}, TABLE[:, :1], None),
}


@cache
def fitted(case):
    name, extra, X, y = CASES[case]
    model = ESTIMATORS[name](**{"latent_dim": 4, "max_epochs": 2, "random_state": 0, **extra})
    return model.fit(X, y), X, y


@pytest.mark.parametrize("case", CASES)
def test_what_is_loaded_gives_the_same_bytes(case, tmp_path):
    model, X, y = fitted(case)
    path = tmp_path / "m.safetensors"
    model.save(path)
    again = load(path)
    assert type(again) is type(model)
    assert again.get_params() == model.get_params()
    given = () if y is None else (y,)
    codes = np.asarray(model.transform(X, *given))
    assert np.asarray(again.transform(X, *given)).tobytes() == codes.tobytes()
    for method in ("reconstruct", "score_samples"):
        first, second = (np.asarray(getattr(m, method)(X, *given)) for m in (model, again))
        assert first.dtype == second.dtype
        assert first.shape == second.shape
        assert first.tobytes() == second.tobytes()
    np.testing.assert_array_equal(
        again.inverse_transform(codes, *given), model.inverse_transform(codes, *given)
    )
    if model.can_sample:
        label = () if y is None else (y[:3],)
        np.testing.assert_array_equal(
            again.sample(3, *label, random_state=1), model.sample(3, *label, random_state=1)
        )
    for name in (
        "likelihood_",
        "latent_dim_",
        "sample_shape_",
        "n_parameters_",
        "n_features_in_",
        "n_iter_",
        "fit_seconds_",
        "outcome_",
        "architecture_",
        "schema_",
        "condition_",
    ):
        assert getattr(again, name) == getattr(model, name), name
    assert again.history_.records == model.history_.records
    assert list(again.get_feature_names_out()) == list(model.get_feature_names_out())
    assert hasattr(again, "feature_names_in_") == hasattr(model, "feature_names_in_")
    if isinstance(X, pd.DataFrame):
        np.testing.assert_array_equal(again.feature_names_in_, model.feature_names_in_)
        assert list(again.reconstruct(X).columns) == list(X.columns)
    assert not again.module_.training
    twice = tmp_path / "again.safetensors"
    again.save(twice)
    first, second = (read_tensor_file(p, "model") for p in (path, twice))
    assert second[0] == first[0]  # nothing is lost or added on the way
    assert second[1].keys() == first[1].keys()
    assert all(torch.equal(second[1][k], first[1][k]) for k in first[1])


@pytest.mark.parametrize("case", CASES)
def test_weights_are_stored_once(case, tmp_path):
    model, *_ = fitted(case)
    path = tmp_path / "m.safetensors"
    model.save(path)
    with safe_open(path, framework="np") as file:
        sizes = {name: file.get_tensor(name).size for name in file.keys()}  # noqa: SIM118
    for name in [name for name in sizes if name.startswith("density.")]:
        del sizes[name]  # of the codes, and not of the network
    scaler = sizes.pop("scaler.shift") + sizes.pop("scaler.scale")
    buffers = sum(b.numel() for b in model.module_.buffers())
    assert sum(sizes.values()) == model.n_parameters_ + buffers
    assert scaler == 2 * model.schema_.module_shape[0]
    if model.tied_weights and model.architecture_.network.name == "dense":
        values = model.module_.state_dict()
        networks = [n for n in values if n.startswith(("encoder.", "decoder."))]
        matrices = [n for n in networks if values[n].ndim == 2]
        assert len(matrices) == len(model.architecture_.hidden) + 1


def test_parameters_that_are_not_defaults_come_back(tmp_path):
    given = {
        "latent_dim": np.int64(3),
        "hidden_layer_sizes": [7, 5],
        "activation": "tanh",
        "normalization": "layer",
        "dropout": 0.25,
        "likelihood": "laplace",
        "scaling": "minmax",
        "max_epochs": 2,
        "batch_size": 16,
        "learning_rate": np.float32(0.5) / 64,
        "learning_rate_schedule": "plateau",
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "gradient_clip": 1.0,
        "early_stopping": False,
        "validation_fraction": 0.2,
        "patience": 7,
        "random_state": 5,
        "corruption": "gaussian",
        "corruption_level": 0.1,
        "checkpoint": tmp_path / "c.safetensors",
        "checkpoint_interval": 99.0,
    }
    model = isthmus.DenoisingAutoencoder(**given).fit(TABLE)
    model.save(tmp_path / "m.safetensors")
    params = load(tmp_path / "m.safetensors").get_params()
    for name, value in given.items():
        if name == "hidden_layer_sizes":
            assert tuple(params[name]) == (7, 5)
        elif name == "checkpoint":
            assert params[name] is None  # a file does not say where the next fit writes
        else:
            assert params[name] == value, name


def test_sizes_given_as_an_array_come_back(tmp_path):
    model = isthmus.Autoencoder(hidden_layer_sizes=np.array([7, 5]), max_epochs=1).fit(TABLE)
    model.save(tmp_path / "m.safetensors")
    assert tuple(load(tmp_path / "m.safetensors").hidden_layer_sizes) == (7, 5)


def test_what_cannot_be_stored_becomes_the_default(tmp_path):
    model = isthmus.DenoisingAutoencoder(
        corruption=lambda x, generator: x, random_state=np.random.RandomState(0), max_epochs=1
    ).fit(TABLE)
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert again.corruption == "masking"
    assert again.random_state is None
    np.testing.assert_array_equal(again.transform(TABLE), model.transform(TABLE))


def test_a_corruption_of_isthmus_comes_back(tmp_path):
    from isthmus.nn import GaussianNoise, Masking

    for corruption in (GaussianNoise(0.25, clip=(0.0, 1.0)), Masking(0.5)):
        model = isthmus.DenoisingAutoencoder(corruption=corruption, max_epochs=1).fit(TABLE)
        model.save(tmp_path / "m.safetensors")
        assert load(tmp_path / "m.safetensors").corruption == corruption


class OwnVariant(isthmus.Autoencoder):
    """A subclass of a user's own."""


def test_a_class_of_ones_own_is_passed_by_hand(tmp_path):
    path = tmp_path / "m.safetensors"
    model = OwnVariant(latent_dim=2, max_epochs=1).fit(TABLE)
    model.save(path)
    with pytest.raises(InvalidInputError, match=r"OwnVariant.*load\(path, estimator="):
        load(path)
    again = load(path, estimator=OwnVariant)
    assert type(again) is OwnVariant
    np.testing.assert_array_equal(again.transform(TABLE), model.transform(TABLE))


@pytest.mark.parametrize(
    "labels",
    [
        np.array([b"a", b"b"] * 30),
        np.array(["2020-01-01", "2020-01-02"] * 30, dtype="datetime64[D]"),
    ],
    ids=["bytes", "dates"],
)
def test_classes_of_odd_types_are_refused_or_come_back(labels, tmp_path):
    model = isthmus.VariationalAutoencoder(conditional=True, latent_dim=2, max_epochs=1)
    try:
        model.fit(TABLE, labels)
    except InvalidInputError as error:
        assert str(error).startswith("y")
        return
    model.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.transform(TABLE, labels), model.transform(TABLE, labels))


def test_the_file_does_not_grow_with_the_data(tmp_path):
    sizes = []
    for rows in (50, 5000):
        X = np.random.default_rng(0).normal(size=(rows, 6))
        for y in (None, np.arange(rows) % 3):
            model = isthmus.VariationalAutoencoder(
                conditional=y is not None, latent_dim=2, max_epochs=2, random_state=0
            )
            path = tmp_path / f"{rows}.safetensors"
            model.fit(X, y).save(path)
            sizes.append(path.stat().st_size)
    # Numbers of the history in the header have more or fewer digits; nothing else differs.
    assert abs(sizes[0] - sizes[2]) < 300
    assert abs(sizes[1] - sizes[3]) < 300


def test_saving_again_replaces(tmp_path):
    model, *_ = fitted("autoencoder, table")
    path = tmp_path / "m.safetensors"
    path.write_text("something else")
    model.save(str(path))
    first = read_tensor_file(path, "model")[0]
    model.save(path)
    assert read_tensor_file(path, "model")[0] == first
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


# What the file says of itself ---------------------------------------------------------------------


@pytest.mark.parametrize("case", ["variational, images", "conditional", "variational, mixed"])
def test_describe_is_json_and_tells_what_there_is(case, tmp_path):
    model, *_ = fitted(case)
    path = tmp_path / "m.safetensors"
    model.save(path)
    description = describe(path)
    assert json.loads(json.dumps(description)) == description
    assert description["class"] == "VariationalAutoencoder"
    assert description["parameters"]["latent_dim"] == 4
    assert description["schema"]["sample_shape"] == list(model.sample_shape_)
    assert description["architecture"]["latent_dim"] == 4
    assert description["versions"]["isthmus"] == isthmus.__version__
    assert description["versions"]["torch"] == torch.__version__
    assert description["epochs"] == 2
    assert description["last_epoch"]["loss"] == model.history_["loss"][-1]
    assert description["bytes"] == path.stat().st_size
    assert description["format"] == FORMAT_VERSION


def test_describe_reads_only_the_header(tmp_path):
    model, *_ = fitted("autoencoder, table")
    path = tmp_path / "m.safetensors"
    model.save(path)
    expected = describe(path)
    data = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    data[start:] = b"\xff" * (len(data) - start)  # other weights, of the same number
    path.write_bytes(data)
    assert describe(path) == expected
    with pytest.raises(ModelFileError, match="checksum"):
        load(path)


# Nothing in a file is run ------------------------------------------------------------------------

NO_PICKLE = """
import pickle, sys
import numpy as np, torch, isthmus
from isthmus.models import ESTIMATORS

def refuse(*args, **kwargs):
    raise SystemError("unpickled")

class Refuse:
    def __init__(self, *args, **kwargs):
        raise SystemError("unpickled")

torch.load = torch.serialization.load = refuse
pickle.load = pickle.loads = refuse
pickle.Unpickler = pickle._Unpickler = Refuse
model = isthmus.load(sys.argv[1])
print(model.transform(np.load(sys.argv[2])).tobytes().hex())
"""


def test_loading_unpickles_nothing(tmp_path, forks):
    model, X, _ = fitted("variational, table")
    model.save(tmp_path / "m.safetensors")
    np.save(tmp_path / "x.npy", X)
    done = forks.python(NO_PICKLE, tmp_path / "m.safetensors", tmp_path / "x.npy")
    assert done.returncode == 0, done.stderr
    # In a process of its own, and so with its own number of threads: near, not the same bytes.
    np.testing.assert_allclose(
        np.frombuffer(bytes.fromhex(done.stdout), dtype=np.float32),
        model.transform(X).ravel(),
        rtol=1e-5,
        atol=1e-6,
    )


def test_the_file_has_no_pickle_in_it(tmp_path):
    model, *_ = fitted("conditional")
    path = tmp_path / "m.safetensors"
    model.save(path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])  # JSON and then plain numbers, nothing else
    offsets = sorted(v["data_offsets"] for k, v in header.items() if k != "__metadata__")
    assert [a for a, _ in offsets] == [0, *[b for _, b in offsets[:-1]]]
    assert len(data) == 8 + length + offsets[-1][1]


class Touch:
    """What a pickle can do: creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def foreign_files(folder):
    bomb = Touch(folder / "was run")
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(bomb))
    saved = io.BytesIO()
    torch.save(bomb, saved)
    old = io.BytesIO()
    torch.save(bomb, old, _use_new_zipfile_serialization=False)
    array = io.BytesIO()
    np.save(array, np.array([bomb], dtype=object), allow_pickle=True)
    return {
        **{f"pickle {p}": pickle.dumps(bomb, protocol=p) for p in range(6)},
        "zip": zipped.getvalue(),
        "torch": saved.getvalue(),
        "old torch": old.getvalue(),
        "npy of objects": array.getvalue(),
        "empty": b"",
        "one byte": b"\x00",
        "eight bytes": bytes(8),
        "zeros": bytes(10_000),
        "text": b"hello, this is no model\n" * 20,
        "json": b'{"kind": "model"}' * 10,
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(100),
        "gzip": b"\x1f\x8b\x08" + bytes(100),
        "huge header": struct.pack("<Q", 2**63) + b"{}",
        "long header": struct.pack("<Q", 10**8) + b"{}" + b" " * 1000,
    }


@pytest.mark.parametrize("kind", foreign_files(Path("nowhere")))
def test_foreign_files_are_refused_and_not_run(kind, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(foreign_files(tmp_path)[kind])
    refused(path)
    assert not (tmp_path / "was run").exists()


def refused(path):
    """Assert that a file is refused with one line, fast, without much memory, by both readers."""
    return [cheaply(read, path) for read in (describe, load)][1]


def cheaply(read, path):
    """Return the message with which `path` is refused in under a second and with little memory."""
    start = time.perf_counter()
    with pytest.raises(IsthmusError) as caught:
        read(path)
    assert time.perf_counter() - start < 1
    tracemalloc.start()  # a second time: tracing makes it slow
    try:
        with pytest.raises(IsthmusError):
            read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (24 << 20) + 60 * path.stat().st_size
    return one_line(caught.value)


def one_line(error):
    assert isinstance(error, ModelFileError | InvalidInputError), type(error)
    message = str(error)
    assert "\n" not in message
    assert len(message) < 1000
    return message


# Damage ------------------------------------------------------------------------------------------


@cache
def good():
    """Return the bytes, the header and the tensors of a small model file."""
    import tempfile

    model, *_ = fitted("variational, frame")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        model.save(path)
        header, tensors = read_tensor_file(path, "model")
        return path.read_bytes(), header, tensors


def damaged_bytes(i):
    """Return one of a hundred damaged files, and whether its header is damaged for certain."""
    data = bytearray(good()[0])
    rng = random.Random(i)
    length = int.from_bytes(data[:8], "little")
    if i < 40:  # cut short
        return data[: len(data) * i // 40]
    if i < 80:  # a bit flipped: in the length, in the header, in the weights
        low, high = ((0, 8), (8, 8 + length), (8, 8 + length), (8 + length, len(data)))[i % 4]
        data[rng.randrange(low, high)] ^= 1 << rng.randrange(8)
        return data
    if i < 90:  # a wrong length of the header
        wrong = (0, 1, length - 1, length + 1, length + 8, 2 * length, 2**31, 2**63, len(data), 7)
        return struct.pack("<Q", wrong[i - 80]) + bytes(data[8:])
    if i < 95:  # bytes missing or too many in the middle or at the end
        at = rng.randrange(len(data))
        return (data + b"\0" * 8, data[:at] + data[at + 1 :], data[:at] + b"x" + data[at:])[i % 3]
    start = rng.randrange(8, len(data) - 200)  # a block overwritten
    data[start : start + 100] = bytes([i]) * 100
    return data


@pytest.mark.parametrize("i", range(100))
def test_a_hundred_damaged_files(i, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(damaged_bytes(i))
    start = time.perf_counter()
    with pytest.raises(ModelFileError) as caught:
        load(path)
    assert time.perf_counter() - start < 1
    assert str(path) in one_line(caught.value)
    try:
        describe(path)  # reads the header alone, which may be whole
    except ModelFileError as error:
        one_line(error)


def test_the_undamaged_file_of_these_tests_loads(tmp_path):
    data, header, tensors = good()
    path = tmp_path / "m.safetensors"
    path.write_bytes(data)
    assert load(path).transform(FRAME).shape == (60, 4)
    write_tensor_file(path, "model", header, tensors)
    assert load(path).transform(FRAME).shape == (60, 4)


# Headers and weights that are whole, and yet do not fit: as a malicious file would have them ------


def edited(*edits):
    """Return a function that changes the header at the places given: (path, value) pairs."""

    def edit(header, tensors):
        for where, value in edits:
            *parents, last = where.split(".")
            target = header
            for parent in parents:
                target = target[parent]
            if value is DELETE:
                del target[last]
            else:
                target[last] = value
        return header, tensors

    return edit


DELETE = object()
HUGE = 10**9
FIELDS = (
    *("class", "parameters", "architecture", "schema", "scaling", "condition", "history"),
    *("n_iter", "fit_seconds", "outcome", "format"),
    *("architecture.latent_dim", "architecture.module_shape", "architecture.likelihood"),
    *("architecture.hidden", "architecture.channels"),
    *("schema.sample_shape", "schema.layout", "schema.feature_names", "schema.n_features_in"),
)
# Values that mean something there: no names, no condition, the defaults, a label.
MEANINGFUL = {
    ("condition", "null"),
    ("schema.feature_names", "null"),
    ("outcome", "text"),
    ("scaling", "text"),
    ("parameters", "empty object"),
    ("history", "empty object"),
    ("architecture.channels", "empty object"),
    ("fit_seconds", "infinite"),
    ("fit_seconds", "negative"),
}
VALUES = {
    "missing": DELETE,
    "null": None,
    "text": "text",
    "empty object": {},
    "list of lists": [[1], [2, "x"]],
    "infinite": math.inf,
    "negative": -3,
}
WRONG = {
    f"{field}, {kind}": edited((field, value))
    for field in FIELDS
    for kind, value in VALUES.items()
    if (field, kind) not in MEANINGFUL
}


def with_tensor(name, change):
    def edit(header, tensors):
        if change is DELETE:
            tensors.pop(name)
        else:
            tensors[name] = change(tensors.get(name))
        return header, tensors

    return edit


FIRST = "module.encoder.layers.0.weight"
CRAFTED = {
    "latent_dim of a billion": edited(("architecture.latent_dim", HUGE)),
    "latent_dim of a googol": edited(("architecture.latent_dim", 10**100)),
    "latent_dim 0": edited(("architecture.latent_dim", 0)),
    "a wide layer": edited(("architecture.hidden", [HUGE, HUGE])),
    "a layer of a googol": edited(("architecture.hidden", [10**100, 32])),
    "a million layers": edited(("architecture.hidden", [1] * 10**6)),
    "a layer of no units": edited(("architecture.hidden", [0, 32])),
    "other layers": edited(("architecture.hidden", [32, 64])),
    "no layers": edited(("architecture.hidden", [])),
    "a huge sample": edited(("architecture.module_shape", [HUGE]), ("schema.sample_shape", [HUGE])),
    "a huge image": edited(
        ("architecture.module_shape", [1, HUGE, HUGE]),
        ("schema.sample_shape", [HUGE, HUGE]),
        ("schema.layout", "image"),
        ("architecture.network", "convolutional"),
        ("architecture.channels", [8, 8]),
    ),
    "a huge condition": edited(("architecture.condition_dim", HUGE)),
    "huge classes": edited(("architecture.likelihood", f"categorical:{HUGE}")),
    "classes of a googol": edited(("architecture.likelihood", f"categorical:{10**100}")),
    "a billion groups": edited(("architecture.likelihood", [["gaussian", [HUGE]]])),
    "columns twice": edited(("architecture.likelihood", [["gaussian", [0, 0, 1, 2, 3, 4, 5]]])),
    "unknown likelihood": edited(("architecture.likelihood", "os.system")),
    "odd digits": edited(("architecture.likelihood", "categorical:²")),
    "unknown activation": edited(("architecture.activation", "__import__")),
    "unknown class": edited(("class", "os.system")),
    "a class of another": edited(("class", "BaseAutoencoder")),
    "unknown field": edited(("architecture.surprise", 1)),
    "convolutions on a table": edited(
        ("architecture.network", "convolutional"), ("architecture.channels", [4])
    ),
    "tied": edited(("architecture.tied_weights", True)),
    "two shapes": edited(("schema.sample_shape", [7])),
    "no format": edited(("format", DELETE)),
    "format 0": edited(("format", 0)),
    "format text": edited(("format", "1")),
    "format true": edited(("format", True)),
    "format float": edited(("format", 1.5)),
    "a condition without a place": edited(
        ("condition", {"classes": ["a", "b"], "shift": [], "scale": []})
    ),
    "a condition of another size": edited(
        ("condition", {"classes": ["a"], "shift": [], "scale": []}),
        ("architecture.condition_dim", 3),
    ),
    "odd classes": edited(
        ("condition", {"classes": 5, "shift": [], "scale": []}),
        ("architecture.condition_dim", 5),
    ),
    "parameters of another": edited(("parameters", [1, 2])),
    "unknown corruption": edited(
        ("class", "DenoisingAutoencoder"),
        ("parameters.corruption", {"part": "Touch", "fields": {}}),
    ),
    "history of numbers": edited(("history", [1, 2, 3])),
    "too few names": edited(("schema.feature_names", ["a"])),
    "no weight": with_tensor(FIRST, DELETE),
    "one weight more": with_tensor("module.extra", lambda _: torch.zeros(3)),
    "other shape": with_tensor(FIRST, lambda w: w.t().contiguous()),
    "flat": with_tensor(FIRST, lambda w: w.reshape(-1)),
    "empty": with_tensor(FIRST, lambda w: w[:0]),
    "double": with_tensor(FIRST, lambda w: w.double()),
    "half": with_tensor(FIRST, lambda w: w.half()),
    "integers": with_tensor(FIRST, lambda w: w.long()),
    "booleans": with_tensor(FIRST, lambda w: w > 0),
    "complex": with_tensor(FIRST, lambda w: w.to(torch.complex64)),
    "no scaling": with_tensor("scaler.shift", DELETE),
    "short scaling": with_tensor("scaler.scale", lambda s: s[:2]),
    "brain scaling": with_tensor("scaler.scale", lambda s: s.to(torch.bfloat16)),
    "scaling by zero": with_tensor("scaler.scale", torch.zeros_like),
    "scaling by NaN": with_tensor("scaler.scale", lambda s: s * math.nan),
}


@pytest.mark.parametrize("case", {**WRONG, **CRAFTED})
def test_a_whole_file_whose_contents_do_not_fit(case, tmp_path):
    _, header, tensors = good()
    header, tensors = json.loads(json.dumps(header)), dict(tensors)
    header, tensors = {**WRONG, **CRAFTED}[case](header, tensors)
    path = tmp_path / "m.safetensors"
    header.pop("kind", None)
    write_tensor_file(path, "model", header, tensors)
    cheaply(load, path)
    try:
        describe(path)
    except ModelFileError as error:
        one_line(error)


PEAK = """
import resource, sys
import numpy, torch, isthmus.models, isthmus.persistence, safetensors.torch
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
isthmus.load(sys.argv[1])  # what a load imports and sets up once
before = peak()
for path in sys.argv[2:]:
    try:
        isthmus.load(path)
    except isthmus.errors.ModelFileError:
        continue
    raise SystemExit(f"{path} was loaded")
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
def test_claims_of_size_cost_no_memory(tmp_path):
    """Outside Python's own allocator too: the peak of the whole process."""
    data, *_ = good()
    paths = [tmp_path / "good.safetensors"]
    paths[0].write_bytes(data)
    for name in (
        *("latent_dim of a billion", "a wide layer", "a huge sample", "a huge image"),
        *("a huge condition", "huge classes"),
    ):
        _, header, tensors = good()
        header, tensors = CRAFTED[name](json.loads(json.dumps(header)), dict(tensors))
        paths.append(tmp_path / f"{name}.safetensors")
        header.pop("kind", None)
        write_tensor_file(paths[-1], "model", header, tensors)
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *map(str, paths)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 100_000  # kilobytes


@pytest.mark.parametrize(
    "entry", [{}, {"data_offsets": []}, {"data_offsets": None}, {"data_offsets": ["a", "b"]}, 5]
)
def test_a_layout_that_is_none(entry, tmp_path):
    data, *_ = good()
    length = int.from_bytes(data[:8], "little")
    layout = json.loads(data[8 : 8 + length])
    layout["module.extra"] = entry
    raw = json.dumps(layout).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data[8 + length :])
    refused(path)


@pytest.mark.parametrize("name", [DELETE, None, "1.2.3\nSecond line", "9.9", ["x"]])
def test_a_later_format_says_which_version_reads_it(name, tmp_path):
    _, header, tensors = good()
    header = json.loads(json.dumps(header))
    header.pop("kind", None)
    header["format"] = FORMAT_VERSION + 1
    if name is DELETE:
        del header["versions"]
    else:
        header["versions"]["isthmus"] = name
    path = tmp_path / "m.safetensors"
    write_tensor_file(path, "model", header, tensors)
    message = refused(path)
    assert f"format {FORMAT_VERSION + 1}" in message
    if name == "9.9":
        assert "isthmus>=9.9" in message


def test_a_checkpoint_is_no_model(tmp_path):
    checkpoint = tmp_path / "c.safetensors"
    isthmus.Autoencoder(max_epochs=1, checkpoint=checkpoint, random_state=0).fit(TABLE)
    assert "checkpoint" in refused(checkpoint)


def test_a_folder_and_nothing(tmp_path):
    for path in (tmp_path, tmp_path / "none.safetensors", tmp_path / "no" / "folder"):
        for read in (load, describe):
            with pytest.raises(InvalidInputError) as caught:
                read(path)
            assert str(path) in one_line(caught.value)


# Files of older versions -------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_a_file_of_every_format_is_kept_and_loads(version):
    path = STORED / f"model_format_{version}.safetensors"
    kept = json.loads((STORED / f"model_format_{version}.json").read_text())
    assert describe(path)["format"] == version
    model = load(path)
    assert type(model) is isthmus.VariationalAutoencoder
    X = np.array(kept["X"])
    np.testing.assert_allclose(model.transform(X), kept["codes"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        model.inverse_transform(np.array(kept["codes"], dtype=np.float32)),
        kept["decoded"],
        rtol=1e-4,
        atol=1e-4,
    )
    assert model.history_.records
    assert model.get_params()["hidden_layer_sizes"] == (8,)
    again = model.partial_fit(X)  # and it can be trained on
    assert np.isfinite(again.transform(X)).all()


def test_numpy_numbers_within_a_corruption(tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 4))
    noise = isthmus.nn.GaussianNoise(np.float32(0.5), clip=(np.float32(-9), np.int64(9)))
    path = tmp_path / "model"
    isthmus.DenoisingAutoencoder(corruption=noise, max_epochs=1, latent_dim=2).fit(X).save(path)
    loaded = isthmus.load(path)
    assert loaded.corruption == isthmus.nn.GaussianNoise(0.5, clip=(-9.0, 9.0))
    assert loaded.module_.corruption == loaded.corruption
