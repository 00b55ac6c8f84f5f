"""What a command reads is never what it writes."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.cli import run


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).normal(size=(60, 4))
    np.savetxt("t.csv", rows, delimiter=",", header="a,b,c,d", comments="")
    quick = ["-s", "max_epochs=1", "-s", "latent_dim=2", "--quiet"]
    assert run(["fit", "t.csv", *quick, "-o", "m.safetensors"]) == 0
    assert run(["encode", "m.safetensors", "t.csv", "-o", "z.csv"]) == 0
    return tmp_path


@pytest.mark.parametrize(
    ("words", "read"),
    [
        (["encode", "m.safetensors", "t.csv", "-o", "t.csv"], "t.csv"),
        (["encode", "m.safetensors", "t.csv", "-o", "./sub/../t.csv"], "t.csv"),
        (["encode", "m.safetensors", "t.csv", "-o", "link.csv"], "t.csv"),
        (["decode", "m.safetensors", "z.csv", "-o", "z.csv"], "z.csv"),
        (["reconstruct", "m.safetensors", "t.csv", "-o", "t.csv"], "t.csv"),
        (["score", "m.safetensors", "t.csv", "-o", "t.csv"], "t.csv"),
        (["fit", "t.csv", "--quiet", "-o", "t.csv"], "t.csv"),
    ],
)
def test_an_input_is_no_output(words, read, work, capsys):
    (work / "sub").mkdir()
    (work / "link.csv").symlink_to(work / "t.csv")
    before = (work / read).read_bytes()
    assert run(words) == 2
    err = capsys.readouterr().err
    assert "this file is read from as well; name another" in err
    assert err.count("\n") == 1
    assert (work / read).read_bytes() == before
