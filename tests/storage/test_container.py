"""The safe container: round trips, damage of every kind, foreign files, and failing writes."""

import io
import json
import os
import pickle
import stat
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.storage.container import read_header, read_tensor_file, write_tensor_file

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
]
HEADER = {"name": "müller", "numbers": [1, 2.5, None], "nested": {"a": True}}


def tensors():
    generator = torch.Generator().manual_seed(0)
    return {
        "weight": torch.randn(4, 3, generator=generator),
        "bias": torch.randn(3, generator=generator).double(),
        "steps": torch.tensor(7),
        "empty": torch.zeros(0, 2),
    }


@pytest.fixture
def path(tmp_path):
    write_tensor_file(tmp_path / "file.safetensors", "model", HEADER, tensors())
    return tmp_path / "file.safetensors"


def refuses(path, kind="model"):
    """Check that reading raises ModelFileError, in one line that names the file."""
    with pytest.raises(ModelFileError) as caught:
        read_tensor_file(path, kind)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Round trips --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(max_examples=10, deadline=None)
@given(shape=st.lists(st.integers(0, 3), max_size=3), seed=st.integers(0, 100))
def test_every_type_and_shape_comes_back(tmp_path_factory, dtype, shape, seed):
    generator = torch.Generator().manual_seed(seed)
    tensor = torch.randint(-100, 100, shape, generator=generator).to(dtype)
    path = tmp_path_factory.mktemp("round") / "file"
    write_tensor_file(path, "model", HEADER, {"t": tensor})
    header, back = read_tensor_file(path, "model")
    assert header == {"kind": "model", **HEADER}
    assert list(back) == ["t"]
    assert (back["t"].dtype, back["t"].shape) == (tensor.dtype, tensor.shape)
    assert torch.equal(back["t"], tensor)


def test_special_values_come_back_bit_by_bit(tmp_path):
    special = torch.tensor([float("nan"), float("inf"), -0.0, 1e-45, torch.finfo().max])
    write_tensor_file(tmp_path / "file", "model", {}, {"t": special})
    _, back = read_tensor_file(tmp_path / "file", "model")
    assert torch.equal(back["t"].view(torch.int32), special.view(torch.int32))


def test_a_header_of_any_length_is_read(tmp_path):
    """The file begins with the header's length, whose bytes may look like anything."""
    path = tmp_path / "file"
    for extra in range(0, 520, 8):  # the length is a multiple of eight: every low byte, twice
        write_tensor_file(path, "model", {"x": "y" * extra}, {"t": torch.zeros(2)})
        header, _ = read_tensor_file(path, "model")
        assert len(header["x"]) == extra
        assert read_header(path, "model")["x"] == header["x"]


def test_a_header_whose_length_spells_pk_is_read(tmp_path):
    path, wanted = tmp_path / "file", int.from_bytes(b"PK\x00", "little")
    write_tensor_file(path, "model", {"x": ""}, {"t": torch.zeros(2)})
    length = int.from_bytes(path.read_bytes()[:8], "little")
    write_tensor_file(path, "model", {"x": "y" * (wanted - length)}, {"t": torch.zeros(2)})
    assert path.read_bytes()[:3] == b"PK\x00"
    read_tensor_file(path, "model")


def test_views_and_transposes_are_written_as_they_look(tmp_path):
    base = torch.arange(12.0).reshape(3, 4).requires_grad_()
    views = {
        "transposed": base.T,
        "column": base[:, 1],
        "expanded": torch.ones(1).expand(5),
    }
    write_tensor_file(tmp_path / "file", "model", {}, views)
    _, back = read_tensor_file(tmp_path / "file", "model")
    for name, view in views.items():
        assert torch.equal(back[name], view)
        assert not back[name].requires_grad


@pytest.mark.parametrize("other", [lambda t: t, lambda t: t[1:], lambda t: t.view(2, 3)])
def test_tensors_that_share_memory_are_written(tmp_path, other):
    """As layers do whose weights are tied: a network of the user's own can have such."""
    tensor = torch.arange(6.0)
    write_tensor_file(tmp_path / "file", "model", {}, {"a": tensor, "b": other(tensor)})
    _, back = read_tensor_file(tmp_path / "file", "model")
    assert torch.equal(back["a"], tensor)
    assert torch.equal(back["b"], other(tensor))


def test_only_the_header_is_read_for_a_look(path):
    header = read_header(path, "model")
    assert {k: v for k, v in header.items() if not k.startswith("_")} == {"kind": "model", **HEADER}
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert read_header(path, "model") == header
    refuses(path)


def test_safetensors_can_read_it(path):
    from safetensors.torch import load_file

    back = load_file(path)
    assert back.keys() == tensors().keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in tensors().items())


# Damage -------------------------------------------------------------------------------------------


def test_every_flipped_byte_of_the_header_is_found(path):
    data = bytearray(path.read_bytes())
    end = 8 + int.from_bytes(data[:8], "little")
    for position in range(end):
        for mask in (0x01, 0xFF):
            data[position] ^= mask
            path.write_bytes(data)
            refuses(path)
            data[position] ^= mask
    path.write_bytes(data)
    read_tensor_file(path, "model")  # the loop put everything back


@settings(max_examples=150, deadline=None)
@given(at=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_every_flipped_byte_of_the_data_is_found(at, mask, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "flipped"
    write_tensor_file(path, "model", HEADER, tensors())
    data = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    data[start + int(at * (len(data) - start))] ^= mask
    path.write_bytes(data)
    assert "do not match their checksum" in refuses(path)


def test_a_file_cut_at_any_length_is_refused(path):
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        refuses(path)


@pytest.mark.parametrize("tail", [b"\0", b"x" * 100])
def test_a_file_with_something_behind_it_is_refused(path, tail):
    path.write_bytes(path.read_bytes() + tail)
    refuses(path)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), length=st.booleans())
def test_any_bytes_are_refused(data, length, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes((len(data).to_bytes(8, "little") if length else b"") + data)
    refuses(path)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["__metadata__", "isthmus", "isthmus_header_sha256", "kind", "a"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(value=json_values)
def test_any_json_header_is_refused(value, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "json"
    text = json.dumps(value).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    refuses(path)


def signed(path, text, digest=None):
    """A file whose header is `text`, with the checksum that belongs to it: made to deceive."""
    import hashlib

    from safetensors.torch import save

    metadata = {
        "isthmus": text,
        "isthmus_header_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "isthmus_tensors_sha256": digest or "0",
    }
    path.write_bytes(save({"t": torch.zeros(2)}, metadata))


@pytest.mark.parametrize(
    "text", ["[]", "null", "7", '"model"', "{}", '{"kind": {}}', '{"kind": "model"', "[" * 100_000]
)
def test_a_header_that_is_not_ours_is_refused_even_if_its_checksum_is_right(tmp_path, text):
    signed(tmp_path / "file", text)
    refuses(tmp_path / "file")


def test_weights_without_their_checksum_are_refused(tmp_path):
    signed(tmp_path / "file", '{"kind": "model"}')
    assert "do not match their checksum" in refuses(tmp_path / "file")


def test_deeply_nested_header_is_refused(tmp_path):
    text = b'{"a":' + b"[" * 200_000
    (tmp_path / "file").write_bytes(len(text).to_bytes(8, "little") + text)
    refuses(tmp_path / "file")


# Foreign files ------------------------------------------------------------------------------------


class Harmful:
    """Unpickling this makes a file: proof that something was executed."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def zipped(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", content)
    return buffer.getvalue()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("wrap", [bytes, zipped], ids=["pickle", "zip"])
def test_a_pickle_with_the_right_name_is_refused_and_not_run(tmp_path, protocol, wrap):
    trap, path = tmp_path / "executed", tmp_path / "model.safetensors"
    path.write_bytes(wrap(pickle.dumps(Harmful(trap), protocol=protocol)))
    message = refuses(path)
    assert not trap.exists()
    if protocol >= 2 or wrap is zipped:
        assert "pickle" in message


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_of_torch_save_is_refused(tmp_path, legacy):
    torch.save(tensors(), tmp_path / "file", _use_new_zipfile_serialization=not legacy)
    assert "pickle" in refuses(tmp_path / "file")


def test_a_safetensors_file_of_others_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file(tensors(), tmp_path / "file")
    assert "was not written by Isthmus" in refuses(tmp_path / "file")


def test_the_wrong_kind_is_refused_by_name(path):
    message = refuses(path, "checkpoint")
    assert "is a model file" in message
    assert "expected a checkpoint file" in message


@pytest.mark.parametrize("claim", [2**63, 2**40, 99_999_999, 4096])
@pytest.mark.parametrize("rest", [b"{", b"x" * 40])
def test_a_header_that_claims_to_be_huge_costs_nothing(tmp_path, claim, rest):
    path = tmp_path / "file"
    path.write_bytes(claim.to_bytes(8, "little") + rest)
    tracemalloc.start()
    begin = time.perf_counter()
    try:
        refuses(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
    assert time.perf_counter() - begin < 1


def test_a_huge_claim_that_the_file_backs_up_is_refused_too(tmp_path):
    """A sparse file of 8 GB, which takes no room: its size alone must not be believed."""
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.write((7 << 30).to_bytes(8, "little") + b"{")
        file.truncate(8 << 30)
    tracemalloc.start()
    try:
        refuses(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_shapes_that_claim_to_be_huge_are_refused(path):
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["weight"]["shape"] = [1 << 40, 1 << 40]
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[end:])
    refuses(path)


# Writing ------------------------------------------------------------------------------------------


def files(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_new_file_replaces_the_old_one(path):
    before = path.read_bytes()
    write_tensor_file(path, "model", HEADER, {"t": torch.ones(2)})
    assert path.read_bytes() != before
    assert files(path.parent) == [path.name]


@pytest.mark.parametrize("when", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(path, monkeypatch, when, error):
    before = path.read_bytes()

    def fail(*arguments, **named):
        # The new file is on its way: what is cleaned up is really there.
        assert len(files(path.parent)) == 2
        raise error

    monkeypatch.setattr(os if when == "fsync" else Path, when, fail)
    expected = InvalidInputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        write_tensor_file(path, "model", HEADER, {"t": torch.ones(2)})
    monkeypatch.undo()
    if expected is InvalidInputError:
        assert str(path) in str(caught.value)
        assert "no space left on device" in str(caught.value).lower()
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert files(path.parent) == [path.name]


def test_readers_never_see_half_a_file(path, monkeypatch):
    """What is at the path just before and just after each stage of a write is a whole file."""
    write_tensor_file(path, "model", {"version": 1}, tensors())
    seen = []
    for owner, name in ((os, "fsync"), (Path, "replace")):
        original = getattr(owner, name)

        def watched(*arguments, original=original, **named):
            seen.append(read_tensor_file(path, "model")[0]["version"])
            result = original(*arguments, **named)
            seen.append(read_tensor_file(path, "model")[0]["version"])
            return result

        monkeypatch.setattr(owner, name, watched)
    write_tensor_file(path, "model", {"version": 2}, tensors())
    assert seen == [1, 1, 1, 2]


@pytest.mark.parametrize("where", ["missing/file", "a file/file"])
def test_a_folder_that_cannot_be_written(tmp_path, where):
    (tmp_path / "a file").write_text("x")
    with pytest.raises(InvalidInputError) as caught:
        write_tensor_file(tmp_path / where, "model", {}, tensors())
    assert str(tmp_path / where) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == ["a file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_permission(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InvalidInputError, match="permission denied"):
            write_tensor_file(tmp_path / "file", "model", {}, tensors())
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInputError, match="folder"):
        write_tensor_file(tmp_path / "folder", "model", {}, {})
    assert files(tmp_path) == ["folder"]


@pytest.mark.parametrize("read", [read_header, read_tensor_file])
@pytest.mark.parametrize("name", ["nothing", ""])
def test_reading_what_is_not_there(tmp_path, read, name):
    with pytest.raises(InvalidInputError, match="^path: cannot read ") as caught:
        read(tmp_path / name, "model")
    assert "\n" not in str(caught.value)


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "usual").write_text("x")
    write_tensor_file(tmp_path / "ours", "model", {}, {})
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "ours")]
    assert modes[0] == modes[1]
