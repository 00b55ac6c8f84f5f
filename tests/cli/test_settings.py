"""Parameters out of text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from isthmus.cli.options import Reading
from isthmus.cli.parameters import describe_parameters
from isthmus.cli.settings import check_names, parse_assignments, parse_value, read_config
from isthmus.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8", 8),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e-3", 1e-3),
        ("true", True),
        ("False", False),
        ("None", None),
        ("null", None),
        ("512,256", (512, 256)),
        ("(512, 256)", (512, 256)),
        ("[512, 256]", (512, 256)),
        ("512,", (512,)),
        ("(512)", (512,)),
        ("()", ()),
        ("", ""),
        ("relu", "relu"),
        ("'true'", "true"),
        ('"8"', "8"),
        ("cuda:0", "cuda:0"),
    ],
)
def test_values(text, value):
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_assignments():
    assert parse_assignments(["a=1", "b = x=y", "c-d="]) == {"a": 1, "b": "x=y", "c_d": ""}
    for wrong in ("a", "=3", ""):
        with pytest.raises(InvalidInputError, match="name=value is expected"):
            parse_assignments([wrong])


CONFIGS = {
    ".toml": 'latent_dim = 8\nhidden-layer-sizes = [64, 32]\nscaling = "none"\nmodel = "sparse"\n',
    ".json": '{"latent_dim": 8, "hidden_layer_sizes": [64, 32], "scaling": null, '
    '"model": "sparse"}',
    ".yaml": "latent_dim: 8\nhidden_layer_sizes: [64, 32]\nscaling: none\nmodel: sparse\n",
    ".yml": "latent_dim: 8\nhidden_layer_sizes:\n- 64\n- 32\nscaling:\nmodel: sparse\n",
}


@pytest.mark.parametrize("suffix", CONFIGS)
def test_config_formats_say_the_same(tmp_path, suffix):
    path = tmp_path / f"c{suffix}"
    path.write_text(CONFIGS[suffix])
    assert read_config(path) == {
        "latent_dim": 8,
        "hidden_layer_sizes": (64, 32),
        "scaling": None,
        "model": "sparse",
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.toml", "latent_dim = ", "not TOML"),
        ("c.json", "{", "not JSON"),
        ("c.yaml", "a: [1,\nb: 2", "not YAML"),
        ("c.yaml", "- 1\n- 2\n", "names with values are expected.*got list"),
        ("c.json", "[" * 100_000, "not JSON"),
        ("c.toml", b"\xff", "not TOML"),
        ("c.toml", "[model]\na = 1\n", "'model' holds a section"),
        ("c.ini", "", "ending in .toml, .yaml or .json"),
    ],
)
def test_config_mistakes(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidInputError, match=message) as caught:
        read_config(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidInputError, match="no such file"):
        read_config(Path("none.toml"))


def test_python_is_not_run_by_a_yaml_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(f"!!python/object/apply:pathlib.Path.touch [{tmp_path / 'touched'}]")
    with pytest.raises(InvalidInputError, match="not YAML"):
        read_config(path)
    assert not (tmp_path / "touched").exists()


@dataclass(kw_only=True)
class Base:
    """A base.

    Parameters
    ----------
    latent_dim : int or "auto", default="auto"
        Size of the code. More about it.
    low, high : float
        The range
        of ``x``; more.
    other, ones, ...
        Not a parameter.
    """

    latent_dim: int | str = "auto"
    low: float = 0.0
    high: float = 1.0
    verbose: int = 0


@dataclass(kw_only=True)
class Child(Base):
    """A child.

    Parameters
    ----------
    beta : float, default=1.0
        Weight.

    Attributes
    ----------
    low : float
        Not this one.
    """

    beta: float = 1.0
    bare: bool = False


def test_parameters_come_from_the_docstrings_of_all_parents():
    found = {p.name: (p.default, p.kind, p.summary) for p in describe_parameters(Child)}
    assert found == {
        "latent_dim": ("'auto'", 'int or "auto"', "Size of the code."),
        "low": ("0.0", "float", "The range of x; more."),
        "high": ("1.0", "float", "The range of x; more."),
        "verbose": ("0", "int", ""),
        "beta": ("1.0", "float", "Weight."),
        "bare": ("False", "bool", ""),
    }


def test_unknown_names_suggest_the_nearest():
    check_names(["latent_dim", "beta"], Child, "child")
    with pytest.raises(InvalidInputError, match="did you mean 'latent_dim'"):
        check_names(["latent_dims"], Child, "child")
    with pytest.raises(InvalidInputError, match="no such parameter; isthmus fit --model child"):
        check_names(["zzzzzz"], Child, "child")
    with pytest.raises(InvalidInputError, match="--quiet or --verbose"):
        check_names(["verbose"], Child, "child")


def test_sizes():
    assert Reading().size() is None
    assert Reading(image_size="64x48").size() == (64, 48)
    assert Reading(image_size=" 64 X 48 ").size() == (64, 48)
    for wrong in ("64", "0x4", "axb", "64x48x3", "-1x3"):
        with pytest.raises(InvalidInputError, match="HEIGHTxWIDTH is expected"):
            Reading(image_size=wrong).size()
    assert Reading(mode="rgb").colours() == "RGB"
    with pytest.raises(InvalidInputError, match="L \\(grey\\) or RGB"):
        Reading(mode="CMYK").colours()


def test_yaml_knows_a_learning_rate_when_it_sees_one(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("learning_rate: 1e-3\nactivation: tanh\ncheckpoint: 1e-3.file\n")
    found = read_config(path)
    assert found == {"learning_rate": 0.001, "activation": "tanh", "checkpoint": "1e-3.file"}
