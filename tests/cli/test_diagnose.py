"""`isthmus diagnose` says what the function says, and refuses what cannot be judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus.cli import run

RNG = np.random.default_rng(0)
FIT = ["--set", "max_epochs=3", "--set", "hidden_layer_sizes=8", "--set", "latent_dim=2", "--quiet"]


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame(RNG.normal(size=(60, 2)) @ RNG.normal(size=(2, 4)), columns=list("abcd"))
    table["kind"] = np.where(table["a"] > 0, "up", "down")
    table[:30].to_csv("train.csv", index=False)
    table[30:].to_csv("test.csv", index=False)
    assert run(["fit", "train.csv", "--drop", "kind", *FIT, "-o", "m.safetensors"]) == 0
    return tmp_path


def test_it_prints_the_report_of_the_function(work, capsys):
    assert run(["diagnose", "m.safetensors", "test.csv", "--train", "train.csv"]) == 0
    out, err = capsys.readouterr()
    columns = list("abcd")
    expected = isthmus.diagnose(
        isthmus.load("m.safetensors"),
        pd.read_csv("test.csv")[columns],
        X_train=pd.read_csv("train.csv")[columns],
    )
    assert out.strip() == str(expected)
    assert expected.problems  # found, and yet the exit code is 0
    assert err == ""


def test_json_is_all_there_is_on_standard_output(work, capsys):
    assert run(["diagnose", "m.safetensors", "test.csv", "--json", "--report", "r.html"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert {finding["name"] for finding in found["findings"]} >= {"training", "memorises"}
    assert found["evidence"]["rows"] == 30
    page = Path("r.html").read_text("utf-8")
    assert "<svg" in page
    for finding in found["findings"]:
        assert finding["name"] in page
    assert "r.html" in err


def test_conditional_models_read_their_labels_from_both_files(work, capsys):
    command = ["fit", "train.csv", "--target", "kind", "-m", "variational", *FIT]
    assert run([*command, "--set", "conditional=true", "-o", "c.safetensors"]) == 0
    words = ["diagnose", "c.safetensors", "test.csv", "--train", "train.csv"]
    assert run([*words, "--target", "kind"]) == 0
    assert "posterior collapse" in capsys.readouterr().out
    assert run(words) == 2
    assert "--target" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["m.safetensors", "no.csv"], "no.csv"),
        (["m.safetensors", "test.csv", "--train", "no.csv"], "no.csv"),
        (["no.safetensors", "test.csv"], "no.safetensors"),
        (["m.safetensors", "few.csv"], "at least 4 rows"),
        (["m.safetensors", "test.csv", "--report", "nowhere/r.html"], "nowhere"),
    ],
)
def test_a_mistake_is_one_line(work, capsys, words, said):
    pd.read_csv("test.csv")[:2].to_csv("few.csv", index=False)
    capsys.readouterr()
    assert run(["diagnose", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
