"""Whatever command the program advises works as it is printed, for each member of the family."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import isthmus
from isthmus.cli import run
from isthmus.cli.models import MODELS
from isthmus.data import files
from isthmus.errors import InvalidInputError
from isthmus.models import ESTIMATORS

SHORT = ["--set", "max_epochs=1", "--set", "latent_dim=2"]
TABLE = ["t.csv", "--drop", "kind"]
LABELLED = ["t.csv", "--target", "kind", "--set", "conditional=true"]
CONDITIONAL = [name for name in ESTIMATORS if "conditional" in ESTIMATORS[name]().get_params()]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with one file of each kind."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(40, 4)), columns=["a", "b", "c", "d e"])
    table.assign(kind=["u", "v"] * 20).to_csv("t.csv", index=False)
    grey = rng.integers(0, 256, size=(24, 8, 9)).astype(np.uint8)
    files.write("grey", grey)
    files.write("colour", np.stack([grey] * 3, axis=-1))
    Path("mixed").mkdir()
    for i, image in enumerate(grey):  # of two widths
        Image.fromarray(image[:, : 6 + 3 * (i % 2)]).save(f"mixed/{i}.png")
    np.save("signals.npy", rng.normal(size=(30, 16, 2)))
    np.savez("two.npz", first=rng.normal(size=(30, 3)), second=rng.normal(size=(30, 4)))
    numbers = ["1,2,3", *(f"{i},{i * 0.7},{i % 3}" for i in range(30))]
    Path("numbers.csv").write_text("\n".join(numbers))
    return tmp_path


def advised(words, capsys):
    """Fit, and return the commands that are advised."""
    assert run(["fit", *words, *SHORT, "-o", "my model.safetensors"]) == 0
    lines = capsys.readouterr().out.partition("Next:\n")[2].splitlines()
    return [shlex.split(line.replace("LABEL", "u")) for line in lines]


def follow(commands, capsys):
    """Run each command; return the verbs, and how many samples each says to have written."""
    counts = {}
    for program, verb, *words in commands:
        assert program == "isthmus"
        assert run([verb, *words]) == 0, (verb, words)
        assert Path(words[words.index("-o") + 1]).exists()
        counts[verb] = int(capsys.readouterr().err.split()[0])
    return counts


def draws(estimator):
    """Whether it has something to draw from: by drawing."""
    given = {"y": "u"} if getattr(estimator, "conditional", False) else {}
    try:
        estimator.sample(2, **given)
    except InvalidInputError:
        return False
    return True


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_advice_is_what_the_model_can_do(name, capsys):
    for words in (TABLE, [*TABLE, "--density", "mixture"]):
        counts = follow(advised([*words, "--model", name], capsys), capsys)
        expected = {"encode": 40, "score": 40, "reconstruct": 40}
        if draws(isthmus.load("my model.safetensors")):
            expected["sample"] = 16
        assert counts == expected
    assert "sample" in counts  # any member can be sampled with a density


@pytest.mark.parametrize("name", CONDITIONAL)
def test_a_conditional_model_is_given_its_labels_again(name, capsys):
    commands = advised([*LABELLED, "--model", name], capsys)
    assert follow(commands, capsys) == {"encode": 40, "score": 40, "reconstruct": 40, "sample": 16}


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["grey"], 24),
        (["colour", "--mode", "L"], 24),
        (["mixed", "--image-size", "8x8"], 24),
        (["signals.npy"], 30),
        (["two.npz", "--key", "second"], 30),
        (["numbers.csv", "--header"], 30),
        (["numbers.csv", "--no-header"], 31),
        (["numbers.csv", "--no-header", "--drop", "1"], 31),
        (["numbers.csv", "--no-header", "--target", "2"], 31),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_how_the_data_were_read_is_said_again(words, count, capsys):
    commands = advised([*words, "--model", "variational"], capsys)
    counts = dict.fromkeys(("encode", "score", "reconstruct"), count)
    assert follow(commands, capsys) == counts | {"sample": 16}


def test_a_named_column_is_found_by_its_name_and_not_said_again(capsys):
    commands = advised(["t.csv", "--target", "kind"], capsys)
    assert not any("--target" in words or "--drop" in words for words in commands)
    assert follow(commands, capsys) == dict.fromkeys(("encode", "score", "reconstruct"), 40)


def test_what_a_model_without_a_distribution_is_told_helps(capsys):
    assert run(["fit", *TABLE, *SHORT, "-q", "-o", "m.safetensors"]) == 0
    assert run(["sample", "m.safetensors"]) == 2
    said = capsys.readouterr().err
    remedies = re.findall(r"(--density \w+|--model \w+)", said)
    assert len(remedies) == 2
    for remedy in remedies:
        assert run(["fit", *TABLE, *SHORT, "-q", "-o", "m.safetensors", *remedy.split()]) == 0
        assert run(["sample", "m.safetensors", "3", "-o", "s.csv"]) == 0


def test_what_a_label_for_an_unconditional_model_is_told_helps(capsys):
    assert run(["fit", *TABLE, "-m", "variational", *SHORT, "-q", "-o", "m.safetensors"]) == 0
    assert run(["sample", "m.safetensors", "--y", "u"]) == 2
    said = re.search(r"fit with (.*COLUMN)", capsys.readouterr().err).group(1)
    words = said.replace("COLUMN", "kind").split()
    assert run(["fit", "t.csv", *SHORT, "-q", "-o", "m.safetensors", *words]) == 0
    assert run(["sample", "m.safetensors", "3", "--y", "u", "-o", "s.csv"]) == 0


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_unknown_parameter_is_told_where_all_are(name, capsys):
    assert run(["fit", *TABLE, "--model", name, "--set", "no_such_thing=1"]) == 2
    command = re.search(r"isthmus (fit --model \w+ --list-parameters)", capsys.readouterr().err)
    assert run(command.group(1).split()) == 0
    assert "latent_dim" in capsys.readouterr().out


def test_the_help_names_every_model_and_each_is_fitted_by_its_name(capsys, monkeypatch):
    assert list(MODELS) == list(ESTIMATORS)
    monkeypatch.setenv("COLUMNS", "300")
    assert run(["fit", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"One of {', '.join(ESTIMATORS)}." in shown
    assert run(["fit", "--model", "no such"]) == 2
    for name in ESTIMATORS:
        assert run(["fit", "--model", name, "--list-parameters"]) == 0
