"""The verbs on real files with real models: what they write, say, and refuse."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus.cli import run
from isthmus.data import files

SHORT = ["--set", "max_epochs=3", "--set", "hidden_layer_sizes=16", "--set", "latent_dim=2"]
# Small networks gain nothing from threads, and lose much when tests run side by side.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give a folder with data of every kind and models fitted on them, made once."""
    folder = tmp_path_factory.mktemp("made")
    latent = RNG.normal(size=(80, 2))
    table = pd.DataFrame(latent @ RNG.normal(size=(2, 4)), columns=["a", "b", "c", "d e"])
    table += 0.1 * RNG.normal(size=table.shape)
    table.insert(2, "kind", np.where(latent[:, 0] > 0, "up", "down"))
    table.to_csv(folder / "table.csv", index=False)
    grey = (RNG.random((40, 8, 9)) * 255).astype(np.uint8)
    files.write(folder / "grey", grey, names=[f"g{i:02d}.png" for i in range(40)])
    files.write(folder / "colour", np.stack([grey[:4]] * 3, axis=-1))
    files.write(folder / "wide", np.concatenate([grey[:4]] * 2, axis=2))
    files.write(folder / "array.npy", table.drop(columns="kind").to_numpy())
    dense = [*SHORT, "--set", "network=dense", "--quiet"]
    fits = {
        "table": ["table.csv", "--target", "kind", *SHORT, "--quiet"],
        "grey": ["grey", *dense],
        "vae": ["table.csv", "--drop", "kind", "-m", "variational", *SHORT, "--quiet"],
        "greyvae": ["grey", "-m", "variational", *dense],
        "conditional": [
            *["table.csv", "--target", "kind", "--set", "conditional=true"],
            *["-m", "variational", *SHORT, "--quiet"],
        ],
    }
    here = Path.cwd()
    os.chdir(folder)
    try:
        for name, words in fits.items():
            assert run(["fit", *words, "-o", f"{name}.safetensors"]) == 0
    finally:
        os.chdir(here)
    return folder


@pytest.fixture
def work(made, tmp_path, monkeypatch):
    """Give a working folder of this test's own, with links to what was made."""
    for path in made.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_fit_reports_what_was_chosen(work, capsys):
    assert run(["fit", "table.csv", "--drop", "kind", *SHORT, "-o", "m.safetensors"]) == 0
    out, err = capsys.readouterr()
    assert err == ""  # no terminal, no progress
    for part in (
        "80 samples of 4 features",
        "dense 16-2",
        "gaussian (chosen by the data)",
        "robust (chosen by the data)",
        "nats a sample",
        "m.safetensors, ",
        "isthmus score m.safetensors table.csv",
    ):
        assert part in out
    model = isthmus.load("m.safetensors")
    assert list(model.feature_names_in_) == ["a", "b", "c", "d e"]
    assert model.n_iter_ == 3


def test_next_commands_say_what_has_to_be_said_again_and_work(work, capsys):
    Path("bare.csv").write_text("\n".join(f"x,{i % 2},{i},{i * 0.7}" for i in range(40)))
    command = ["fit", "bare.csv", "--drop", "0", "--target", "1", *SHORT, "-m", "variational"]
    assert run([*command, "-s", "conditional=true", "-o", "my model.safetensors"]) == 0
    out = capsys.readouterr().out
    commands = [shlex.split(line) for line in out.partition("Next:")[2].strip().splitlines()]
    assert len(commands) == 4
    for words in commands:
        assert words[0] == "isthmus"
        assert run([word.replace("LABEL", "1") for word in words[1:]]) == 0
    written = ("codes.csv", "scores.csv", "reconstructions.csv", "samples.csv")
    assert all(Path(name).exists() for name in written)


def test_json_is_all_there_is_on_standard_output(work, capsys):
    command = ["fit", "table.csv", "--target", "kind", *SHORT, "--json", "--verbose"]
    assert run(command) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert "epoch" in err
    assert found["file"] == "model.safetensors"
    assert found["bytes"] == Path("model.safetensors").stat().st_size
    assert found["model"] == "Autoencoder"
    assert found["epochs"] == 3
    assert found["latent_dim"] == 2
    assert found["parameters"]["hidden_layer_sizes"] == [16]
    assert found["parameters"]["random_state"] == 0
    model = isthmus.load("model.safetensors")
    assert found["loss"] == pytest.approx(min(model.history_["loss"]))


def test_quiet_says_nothing(work, capfd):
    assert run(["fit", "table.csv", "--target", "kind", *SHORT, "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")


def test_the_same_seed_gives_the_same_model(work, capsys):
    codes = []
    for words in (["--seed", "3"], ["--seed", "3"], ["--seed", "4"]):
        assert run(["fit", "array.npy", *SHORT, "--quiet", *words]) == 0
        assert run(["encode", "model.safetensors", "array.npy"]) == 0
        codes.append(capsys.readouterr().out)
    assert codes[0] == codes[1] != codes[2]


def test_the_command_line_overrules_the_file(work, capsys):
    Path("c.toml").write_text(
        'model = "denoising"\nlatent_dim = 3\nhidden_layer_sizes = [8, 4]\nmax_epochs = 1\n'
    )
    command = ["fit", "array.npy", "--config", "c.toml", "--set", "latent-dim=2", "--json"]
    assert run(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == "DenoisingAutoencoder"
    assert found["network"] == "dense 8-4-2"
    assert found["epochs"] == 1


def test_list_parameters(capsys):
    assert run(["fit", "--model", "variational", "--list-parameters", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["beta"]["default"] == "1.0"
    assert "verbose" not in found
    assert all(entry["summary"] for entry in found.values())
    assert run(["fit", "--model", "sparse", "--list-parameters"]) == 0
    assert "sparsity" in capsys.readouterr().out


def test_encode_and_decode_a_table(work, capsys):
    assert run(["encode", "table.safetensors", "table.csv", "-o", "codes.csv"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "80 codes written to codes.csv\n"
    model = isthmus.load("table.safetensors")
    X = pd.read_csv("table.csv").drop(columns="kind")
    codes = pd.read_csv("codes.csv")
    assert list(codes.columns) == list(model.get_feature_names_out())
    np.testing.assert_allclose(codes.to_numpy(), model.transform(X).to_numpy(), rtol=1e-6)
    assert run(["decode", "table.safetensors", "codes.csv"]) == 0
    assert capsys.readouterr().out.startswith("a,b,c,d e\n")
    assert run(["reconstruct", "table.safetensors", "table.csv", "-o", "r.parquet"]) == 0
    assert run(["decode", "table.safetensors", "codes.csv", "-o", "d.parquet"]) == 0
    pd.testing.assert_frame_equal(
        pd.read_parquet("r.parquet"), pd.read_parquet("d.parquet"), rtol=1e-5
    )


def test_columns_are_found_by_name_whatever_else_the_table_holds(work, capsys):
    frame = pd.read_csv("table.csv")
    frame[["d e", "kind", "b", "a", "c"]].assign(note="x").to_csv("other.csv", index=False)
    assert run(["score", "table.safetensors", "table.csv"]) == 0
    expected = capsys.readouterr().out
    assert run(["score", "table.safetensors", "other.csv"]) == 0
    assert capsys.readouterr().out == expected
    assert run(["score", "table.safetensors", "array.npy"]) == 0
    assert capsys.readouterr().out == expected


def test_scores_and_errors(work, capsys):
    assert run(["score", "table.safetensors", "table.csv", "-o", "s.csv"]) == 0
    model = isthmus.load("table.safetensors")
    X = pd.read_csv("table.csv").drop(columns="kind")
    scores = pd.read_csv("s.csv")
    assert list(scores.columns) == ["score"]
    np.testing.assert_allclose(scores["score"], np.asarray(model.score_samples(X)), rtol=1e-6)
    assert run(["reconstruct", "table.safetensors", "table.csv", "--errors", "-o", "e.csv"]) == 0
    errors = pd.read_csv("e.csv")
    np.testing.assert_allclose(
        errors.to_numpy(), np.abs(X - model.reconstruct(X)).to_numpy(), rtol=1e-4, atol=1e-6
    )


def test_pictures_in_pictures_out(work, capsys):
    assert run(["encode", "grey.safetensors", "grey", "-o", "codes.csv"]) == 0
    codes = pd.read_csv("codes.csv")
    assert list(codes["name"][:2]) == ["g00.png", "g01.png"]
    assert run(["decode", "grey.safetensors", "codes.csv", "-o", "out/"]) == 0
    assert run(["reconstruct", "grey.safetensors", "grey", "-o", "again"]) == 0
    out, again = files.read("out"), files.read("again")
    assert out.names == [f"g{i:02d}.png" for i in range(40)]
    assert out.X.shape == (40, 8, 9)
    assert np.abs(out.X.astype(int) - again.X).max() <= 1
    assert out.X.std() > 0
    assert run(["score", "grey.safetensors", "grey"]) == 0
    assert capsys.readouterr().out.startswith("name,score\ng00.png,")
    assert run(["reconstruct", "grey.safetensors", "grey", "-o", "r.npy"]) == 0
    assert np.load("r.npy").max() > 1  # in 0..255, as the pictures are


def test_pictures_that_the_model_cannot_take(work, capsys):
    for folder, message in (
        (
            "colour",
            "grey images of 8x9, these are 3-channel images of 8x9; read them with --mode L",
        ),
        ("wide", "resize with --image-size 8x9"),
    ):
        assert run(["encode", "grey.safetensors", folder]) == 2
        assert message in only_line(capsys)
    assert run(["encode", "grey.safetensors", "colour", "--mode", "L"]) == 0
    assert run(["encode", "grey.safetensors", "wide", "--image-size", "8x9"]) == 0


def test_samples(work, capsys):
    assert run(["sample", "vae.safetensors", "5", "--seed", "1"]) == 0
    first = capsys.readouterr().out
    assert len(first.splitlines()) == 6
    assert first.startswith("a,b,c,d e\n")
    assert run(["sample", "vae.safetensors", "-n", "5", "--seed", "1"]) == 0
    assert capsys.readouterr().out == first
    assert run(["sample", "vae.safetensors", "-n", "5", "--seed", "2"]) == 0
    assert capsys.readouterr().out != first
    assert run(["sample", "greyvae.safetensors", "3", "-o", "new/"]) == 0
    assert files.read("new").X.shape == (3, 8, 9)


def test_samples_from_a_density_on_the_codes(work, capsys):
    fit = ["fit", "table.csv", "--drop", "kind", *SHORT, "--quiet", "-o", "dense.safetensors"]
    assert run([*fit, "--density", "mixture"]) == 0
    capsys.readouterr()
    command = ["sample", "dense.safetensors", "5", "--seed", "1"]
    assert run(command) == 0
    means = capsys.readouterr().out
    assert len(means.splitlines()) == 6
    assert run([*command, "--draw"]) == 0
    draws = capsys.readouterr().out
    assert draws != means
    assert run([*command, "--draw"]) == 0
    assert capsys.readouterr().out == draws
    assert run([*fit, "--density", "normal"]) == 2
    assert "--density: expected 'mixture' or 'flow'; got 'normal'" in only_line(capsys)


def test_samples_of_a_chain(work, capsys):
    fit = ["fit", "table.csv", "--drop", "kind", "-m", "gsn", *SHORT, "--quiet"]
    assert run([*fit, "-o", "gsn.safetensors"]) == 0
    capsys.readouterr()
    assert run(["sample", "gsn.safetensors", "5", "--seed", "1"]) == 0
    first = capsys.readouterr().out
    assert first.startswith("a,b,c,d e\n")
    assert len(first.splitlines()) == 6
    assert run(["sample", "gsn.safetensors", "5", "--seed", "1"]) == 0
    assert capsys.readouterr().out == first
    assert run(["sample", "gsn.safetensors", "5", "--y", "up"]) == 2
    assert "not conditional" in only_line(capsys)
    assert run(["sample", "table.safetensors", "5"]) == 2
    assert "neither a distribution of codes nor a chain" in only_line(capsys)


def test_conditional_models(work, capsys):
    command = ["sample", "conditional.safetensors", "2", "--y", "up", "--y", "down", "-o", "s.csv"]
    assert run([*command, "--seed", "0"]) == 0
    frame = pd.read_csv("s.csv")
    assert list(frame["name"]) == ["up-000000", "up-000001", "down-000000", "down-000001"]
    assert len(frame.columns) == 5
    capsys.readouterr()
    for words, message in (
        (["sample", "conditional.safetensors", "2"], "give --y LABEL: down, up"),
        (["sample", "conditional.safetensors", "2", "--y", "left"], "knows no label 'left'"),
        (["sample", "vae.safetensors", "2", "--y", "up"], "--y: this model is not conditional"),
        (["encode", "conditional.safetensors", "table.csv"], "name their column with --target"),
    ):
        assert run(words) == 2
        assert message in only_line(capsys)
    assert run(["encode", "conditional.safetensors", "table.csv", "--target", "kind"]) == 0
    Path("codes.csv").write_text(capsys.readouterr().out)
    assert run(["decode", "conditional.safetensors", "codes.csv", "--y", "up"]) == 0


def test_info(work, capsys):
    assert run(["info", "table.safetensors", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "Autoencoder" in json.dumps(found)
    assert run(["info", "table.safetensors"]) == 0
    assert "Autoencoder" in capsys.readouterr().out


def only_line(capsys):
    """Return the one line that is on standard error; nothing is on standard output."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("isthmus: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert "Traceback" not in err
    return err


MISTAKES = {
    "no verb like that": (["fot"], "No such command 'fot'"),
    "no option like that": (["fit", "table.csv", "--modle", "x"], "--modle"),
    "no input": (["fit"], "INPUT is missing"),
    "no model argument": (["encode"], "Missing argument 'MODEL'"),
    "number is no number": (["sample", "vae.safetensors", "x"], "Invalid value for"),
    "missing input": (["fit", "none.csv"], "none.csv: there is no such file"),
    "missing model": (["encode", "none.safetensors", "table.csv"], "there is no such file"),
    "model is a folder": (["info", "grey"], "this is a folder"),
    "model is no model": (["encode", "table.csv", "table.csv"], "table.csv"),
    "model is no model for info": (["info", "table.csv"], "table.csv"),
    "text column": (["fit", "table.csv"], "--drop kind"),
    "unknown column": (["fit", "table.csv", "--target", "kinds"], "did you mean 'kind'"),
    "unknown model": (["fit", "array.npy", "-m", "variatonal"], "did you mean 'variational'"),
    "unknown parameter": (["fit", "array.npy", "-s", "laten_dim=3"], "did you mean 'latent_dim'"),
    "no value": (["fit", "array.npy", "-s", "latent_dim"], "name=value is expected"),
    "wrong value": (["fit", "array.npy", "-s", "latent_dim=many"], "latent_dim"),
    "given twice": (["fit", "array.npy", "--seed", "1", "-s", "random_state=2"], "one of them"),
    "bad size": (["fit", "grey", "--image-size", "8"], "HEIGHTxWIDTH is expected"),
    "bad mode": (["fit", "grey", "--mode", "CMYK"], "L (grey) or RGB"),
    "no config": (["fit", "array.npy", "--config", "none.toml"], "there is no such file"),
    "output suffix": (["fit", "array.npy", "-o", "m.pt"], "expected .safetensors"),
    "output folder": (["fit", "array.npy", "-o", "none/m.safetensors"], "does not exist"),
    "checkpoint place": (["fit", "array.npy", "--checkpoint", "none/c"], "does not exist"),
    "checkpoint is output": (
        ["fit", "array.npy", "-o", "m.safetensors", "--checkpoint", "m.safetensors"],
        "also where the model goes",
    ),
    "quiet and verbose": (["fit", "array.npy", "--quiet", "--verbose"], "exclude each other"),
    "conditional without y": (
        ["fit", "array.npy", "-m", "variational", "-s", "conditional=true"],
        "--target",
    ),
    "other columns": (["score", "table.safetensors", "wrong.csv"], "it lacks columns 'b', 'd e'"),
    "other width": (["score", "table.safetensors", "narrow.npy"], "takes 4 features a row"),
    "other kind": (["score", "table.safetensors", "grey"], "samples of shape"),
    "codes of other width": (["decode", "table.safetensors", "array.npy"], "codes of 2 numbers"),
    "pictures to CSV": (["sample", "greyvae.safetensors", "2"], "name a folder"),
    "pictures to a table": (
        ["reconstruct", "grey.safetensors", "grey", "-o", "r.csv"],
        "name a folder",
    ),
    "no distribution": (["sample", "table.safetensors", "2"], "fit it with --density mixture"),
    "no samples": (["sample", "vae.safetensors", "0"], "N must be at least 1"),
    "two counts": (["sample", "vae.safetensors", "2", "-n", "3"], "given twice"),
    "one sample": (["fit", "one.npy"], "at least two samples"),
    "missing cells": (["fit", "gap.csv"], "missing='ignore'"),
    "output not empty": (["reconstruct", "grey.safetensors", "grey", "-o", "grey"], "not empty"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_no_file(work, capsys, mistake):
    Path("wrong.csv").write_text("a,c\n1,2\n")
    Path("gap.csv").write_text("a,b\n1,2\n,3\n4,5\n")
    np.save("narrow.npy", np.zeros((3, 3)))
    np.save("one.npy", np.zeros((1, 3)))
    before = sorted(work.iterdir())
    words, message = MISTAKES[mistake]
    assert run(words) == 2
    assert message in only_line(capsys)
    assert sorted(work.iterdir()) == before


def test_a_damaged_model_is_one_line(work, capsys):
    whole = Path("table.safetensors").read_bytes()
    for content in (whole[:-5], whole[:100], b"", struct.pack("<Q", 2**60), b"\0" * 64):
        Path("bad.safetensors").write_bytes(content)
        verbs = [["score", "bad.safetensors", "table.csv"]]
        if len(content) <= 100:  # info reads no further than the header
            verbs.append(["info", "bad.safetensors"])
        for words in verbs:
            assert run(words) == 2
            assert "bad.safetensors" in only_line(capsys)


@pytest.mark.parametrize(
    ("module", "words", "line"),
    [
        ("pandas", ["fit", "table.csv"], "pip install 'isthmus[table]'"),
        ("pandas", ["encode", "grey.safetensors", "grey"], "pip install 'isthmus[table]'"),
        ("PIL.Image", ["fit", "grey"], "pip install 'isthmus[image]'"),
        ("yaml", ["fit", "array.npy", "--config", "c.yaml"], "pip install 'isthmus[yaml]'"),
    ],
)
def test_a_library_that_is_not_installed(work, capsys, monkeypatch, module, words, line):
    Path("c.yaml").write_text("latent_dim: 2\n")
    monkeypatch.setitem(sys.modules, module, None)
    assert run(words) == 2
    assert line in only_line(capsys)


def test_demo_gets_its_options(work, monkeypatch):
    given = []
    monkeypatch.setattr("isthmus.cli.demo.run", lambda *args, **options: given.append(options))
    assert run(["demo", "-o", "here", "--quick", "--seed", "3"]) == 0
    assert given == [{"seed": 3, "quick": True}]


def test_what_nobody_foresaw_is_one_line_too(work, capsys, monkeypatch):
    def broken(*_args, **_options):
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr("isthmus.data.files.read", broken)
    assert run(["fit", "array.npy", "-o", "x.safetensors"]) == 1
    assert "unexpected RuntimeError: first second (ISTHMUS_DEBUG=1" in only_line(capsys)
    monkeypatch.setenv("ISTHMUS_DEBUG", "1")
    with pytest.raises(RuntimeError, match="first"):
        run(["fit", "array.npy", "-o", "x.safetensors"])


def test_a_warning_is_one_line(work, capsys, monkeypatch):
    import warnings

    from isthmus.data import files as room

    def warn(*args, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("something\nis odd", UserWarning, stacklevel=1)
        return original(*args, **options)

    original = room.read
    monkeypatch.setattr(room, "read", warn)
    assert run(["score", "table.safetensors", "table.csv"]) == 0
    assert capsys.readouterr().err == "isthmus: warning: something is odd\n"


def test_interrupted(work, capsys, monkeypatch):
    def stop(self, X, y=None):
        if self.checkpoint is not None:
            Path(self.checkpoint).write_bytes(b"state")
        raise KeyboardInterrupt

    monkeypatch.setattr("isthmus.Autoencoder.fit", stop)
    assert run(["fit", "array.npy", "-o", "x.safetensors"]) == 130
    assert "interrupted; nothing was saved; --checkpoint FILE" in only_line(capsys)
    command = ["fit", "array.npy", "-o", "x.safetensors", "--checkpoint", "c.state"]
    assert run(command) == 130
    assert "interrupted; the same command goes on from c.state" in only_line(capsys)
    assert not Path("x.safetensors").exists()


# Real processes ---------------------------------------------------------------------------


def isthmus_process(*words):
    command = [sys.executable, "-m", "isthmus", *words]
    return subprocess.run(command, capture_output=True, text=True, env=ONE_THREAD)


def test_end_to_end_in_processes(work, forks):
    done = forks.isthmus("fit", "table.csv", "--target", "kind", *SHORT, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout)["epochs"] == 3
    done = forks.isthmus("encode", "model.safetensors", "table.csv")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 81
    done = forks.isthmus("encode", "model.safetensors", "none.csv")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("isthmus: none.csv: there is no such file")
    assert done.stderr.count("\n") == 1


def test_version_and_help():
    assert isthmus_process("--version").stdout == f"isthmus {isthmus.__version__}\n"
    done = isthmus_process()
    assert done.returncode == 0
    for verb in ("fit", "encode", "decode", "reconstruct", "score", "sample", "info", "demo"):
        assert verb in done.stdout


def test_the_script_is_installed():
    script = shutil.which("isthmus", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("isthmus is not installed beside this Python")
    done = subprocess.run([script, "--version"], capture_output=True, text=True)
    assert done.stdout == f"isthmus {isthmus.__version__}\n"


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_a_reader_that_leaves_early(work):
    rows = RNG.normal(size=(20_000, 4))
    np.save("many.npy", rows)
    line = f"'{sys.executable}' -m isthmus reconstruct table.safetensors many.npy | head -n 2"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=ONE_THREAD)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_fit_that_is_interrupted_goes_on_to_the_same_model(work, forks):
    np.save("many.npy", RNG.normal(size=(1000, 6)))
    words = ["fit", "many.npy", "-s", "max_epochs=300", "-s", "checkpoint_interval=0", "--quiet"]
    whole = forks.isthmus(*words, "-o", "whole.safetensors", "--checkpoint", "a.state")
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(
        [sys.executable, "-m", "isthmus", *words, "-o", "b.safetensors", "--checkpoint", "b.state"],
        stderr=subprocess.PIPE,
        text=True,
        env=ONE_THREAD,
    )
    limit = time.monotonic() + 120
    while not Path("b.state").exists() and time.monotonic() < limit:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "isthmus: interrupted; the same command goes on from b.state\n"
    assert not Path("b.safetensors").exists()
    again = forks.isthmus(*words, "-o", "b.safetensors", "--checkpoint", "b.state")
    assert again.returncode == 0, again.stderr
    X = np.load("many.npy")[:10]
    np.testing.assert_array_equal(
        isthmus.load("whole.safetensors").transform(X), isthmus.load("b.safetensors").transform(X)
    )


def test_pictures_of_a_model_of_unit_values_are_not_black(tmp_path):
    images = np.tile(np.linspace(0, 1, 8, dtype=np.float32), (40, 8, 1))
    np.save(tmp_path / "ramps.npy", images)
    data, model, folder = (str(tmp_path / n) for n in ("ramps.npy", "m.safetensors", "out"))
    assert run(["fit", data, "-o", model, "--set", "max_epochs=60", "--quiet"]) == 0
    assert run(["reconstruct", model, data, "-o", folder]) == 0
    pictures = files.read(folder).X
    assert pictures.shape == (40, 8, 8)
    assert pictures[:, :, -1].min() > 128
    assert pictures[:, :, 0].max() < 128


@pytest.mark.parametrize("verb", ["encode", "score", "reconstruct", "diagnose"])
def test_a_classifier_is_no_autoencoder_for_a_verb(verb, tmp_path, capsys):
    X = np.random.default_rng(0).normal(size=(30, 4))
    np.save(tmp_path / "x.npy", X)
    isthmus.AutoencoderClassifier(autoencoder=isthmus.Autoencoder(max_epochs=1), max_epochs=1).fit(
        X, X[:, 0] > 0
    ).save(tmp_path / "model")
    assert run([verb, str(tmp_path / "model"), str(tmp_path / "x.npy")]) == 2
    assert "AutoencoderClassifier" in only_line(capsys)
