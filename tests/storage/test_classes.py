"""The model file knows no class: whatever registers a form can be stored, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from sklearn.base import BaseEstimator

import isthmus.applications.anomaly  # noqa: F401  its forms are there before the one below
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.registry import Registry
from isthmus.storage import FORMAT_VERSION, FORMS, Form, Stored, describe, load, save
from isthmus.storage.classes import CLASSES, class_of, form_in, form_of

CPU = torch.device("cpu")


class Line(BaseEstimator):
    """The smallest that is fitted: a network of two weights."""

    def __init__(self, bias=True):
        self.bias = bias

    def fit(self):
        self.module_ = torch.nn.Linear(1, 1, bias=self.bias)
        return self


class SteepLine(Line):
    """One that has no form of its own."""


class LineForm(Form):
    holds = Line
    section = "line"

    def contents(self, thing):
        header = {"format": FORMAT_VERSION, "class": type(thing).__name__, "line": thing.bias}
        return header, {f"module.{k}": v for k, v in thing.module_.state_dict().items()}

    def rebuild(self, stored):
        line = Line(stored.header["line"]).fit()
        line.module_.load_state_dict(stored.below("module."))
        return line

    def networks(self, thing):
        return [thing.module_]


@pytest.fixture(autouse=True)
def forms(monkeypatch):
    """Register the form, and forget it after the test."""
    forms = Registry("form")
    for name in FORMS:
        forms.register(name)(FORMS[name])
    forms.register("line")(LineForm)
    monkeypatch.setattr("isthmus.storage.classes.FORMS", forms)


@pytest.mark.parametrize("cls", [Line, SteepLine])
def test_what_registers_a_form_is_stored_with_its_derived_classes(tmp_path, cls):
    line = cls(bias=False).fit()
    save(line, tmp_path / "line.safetensors")
    loaded = load(tmp_path / "line.safetensors", device=CPU)
    assert type(loaded) is Line
    assert not loaded.bias
    assert torch.equal(loaded.module_.weight, line.module_.weight)
    assert not loaded.module_.training
    assert describe(tmp_path / "line.safetensors")["class"] == cls.__name__


def test_networks_go_to_the_device(tmp_path):
    save(Line().fit(), tmp_path / "line.safetensors")
    loaded = load(tmp_path / "line.safetensors", device=torch.device("meta"))
    assert loaded.module_.weight.device.type == "meta"


def test_what_is_not_fitted_or_has_no_form_is_refused(tmp_path):
    path = tmp_path / "file.safetensors"
    with pytest.raises(ValueError, match="not fitted"):
        save(Line(), path)
    fitted = type("Other", (BaseEstimator,), {"fit": lambda self: self})()
    fitted.module_ = None
    with pytest.raises(InvalidInputError, match="a Other cannot be saved; expected one of .*Line"):
        save(fitted, path)
    assert not path.exists()


def test_a_file_whose_parts_do_not_fit_is_called_damaged(tmp_path):
    line = Line().fit()
    line.bias = False  # the network has one all the same
    save(line, tmp_path / "line.safetensors")
    with pytest.raises(ModelFileError, match="is damaged: its contents do not fit together"):
        load(tmp_path / "line.safetensors", device=CPU)


def test_the_form_of_a_file_is_told_by_its_own_entry():
    assert type(form_in({"class": "Line", "line": True})) is LineForm
    assert form_in({"class": "Line"}).section == ""
    assert form_in({"class": "Autoencoder", "classifier": {}}).section == "classifier"
    assert type(form_of(SteepLine())) is LineForm


def test_a_class_is_one_that_is_registered_or_handed_in():
    assert class_of("Line", Line) is Line
    with pytest.raises(InvalidInputError, match=r"holds a Line.*load\(path, estimator=THE_CLASS\)"):
        class_of("Line", SteepLine)
    assert "Line" not in CLASSES


def test_a_part_of_what_is_stored_has_its_own_header_and_tensors():
    whole = Stored({}, {"a.x": torch.ones(1), "ab.x": torch.ones(2)}, "file", {"latent": 1}, Line)
    part = whole.part({"class": "Line"}, "a.")
    assert part.header == {"class": "Line"}
    assert list(part.tensors) == ["x"]
    assert (part.path, part.parts, part.estimator) == ("file", {"latent": 1}, Line)
    assert str(part.damaged("it rusts")) == "file is damaged: it rusts"


def test_storage_loads_no_room_above():
    code = (
        "import sys, isthmus.storage, isthmus.storage.values\n"
        "print(sorted(m for m in sys.modules if m.count('.') == 1 and m.startswith('isthmus.')))\n"
        "print([m for m in ('torch', 'sklearn', 'numpy', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms, heavy = done.stdout.splitlines()
    expected = ["isthmus._version", "isthmus.errors", "isthmus.registry", "isthmus.storage"]
    assert rooms == str(expected)
    assert heavy == "[]"
