"""Files that Isthmus wrote while its format was 1 load, with equal weights and the same results.

`data_files/write_format_1.py` wrote them, with the code of that time.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from isthmus import Autoencoder
from isthmus.errors import InvalidInputError, ModelFileError
from isthmus.persistence import load

PLACE = Path(__file__).parent / "data_files" / "format_1"
FILES = sorted(path.stem for path in PLACE.glob("*.safetensors") if path.stem != "checkpoint")
# Another processor has other last bits.
TOLERANCE = 1e-5


@cache
def expected() -> dict[str, np.ndarray]:
    with np.load(PLACE / "expected.npz", allow_pickle=False) as file:
        return dict(file)


def outputs(case: str) -> dict[str, np.ndarray]:
    entries = {
        name.removeprefix(f"{case}/"): value
        for name, value in expected().items()
        if name.startswith(f"{case}/")
    }
    return {name: v for name, v in entries.items() if name not in ("input", "condition", "rows")}


def data(case: str, role: str) -> Any:
    if f"{case}/{role}" not in expected():
        return None
    name = f"inputs/{expected()[f'{case}/{role}']}"
    if name in expected():
        X: Any = expected()[name]
    else:
        columns = [n for n in expected() if n.startswith(f"{name}:")]
        X = pd.DataFrame({n.removeprefix(f"{name}:"): expected()[n] for n in columns})
    return X[slice(*expected()[f"{case}/rows"])]


@cache
def loaded(case: str) -> Any:
    return load(PLACE / f"{case}.safetensors", device="cpu")


def modules(model: Any) -> list[Any]:
    """Return the networks that a loaded object holds."""
    model = getattr(model, "detector_", model)
    members = [*model.members_] if hasattr(model, "members_") else [model]
    members += [m.autoencoder_ for m in members if hasattr(m, "autoencoder_")]
    return [m.module_ for m in members] + [m.density_ for m in members if hasattr(m, "density_")]


def entry(values: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    return values.dtype.str, values.shape, values.tobytes()


def close(found: Any, wanted: np.ndarray, what: str) -> None:
    found = np.asarray(found)
    assert found.shape == wanted.shape, what
    if wanted.dtype.kind not in "fiub":
        np.testing.assert_array_equal(found.astype(str), wanted.astype(str), err_msg=what)
        return
    found, wanted = found.astype(float), wanted.astype(float)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted), err_msg=what)
    size = max(1.0, float(np.nanmax(np.abs(wanted))))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE * size, err_msg=what)


def test_every_file_has_outcomes_to_compare_with():
    cases = {name.partition("/")[0] for name in expected()} - {"inputs"}
    assert set(FILES) == cases
    assert all(outputs(case) for case in FILES)


@pytest.mark.parametrize("case", FILES)
def test_weights_are_those_of_the_file(case):
    """Compared as a set: a newer version may name them otherwise, and a network may be shared."""
    stored = {
        entry(values)
        for name, values in load_file(PLACE / f"{case}.safetensors").items()
        if {"module", "density", "head", "svdd"} & set(name.split("."))
    }
    found = {
        entry(values.numpy())
        for module in modules(loaded(case))
        for values in module.state_dict().values()
    }
    assert stored
    assert found == stored


@pytest.mark.parametrize("case", FILES)
def test_results_are_those_of_the_version_that_wrote_the_file(case):
    model, X, y = loaded(case), data(case, "input"), data(case, "condition")
    given = () if y is None else (y,)
    for method, wanted in outputs(case).items():
        argument = outputs(case)["transform"] if method == "inverse_transform" else X
        close(getattr(model, method)(argument, *given), wanted, f"{case}: {method}")


def test_a_checkpoint_of_then_is_refused_in_one_line_that_names_its_format(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    shutil.copy(PLACE / "checkpoint.safetensors", path)
    # The settings and the data of the fit that wrote it.
    fit = Autoencoder(
        latent_dim=2,
        hidden_layer_sizes=(5,),
        max_epochs=2,
        batch_size=8,
        learning_rate=0.01,
        random_state=0,
        checkpoint=path,
    )
    with pytest.raises(
        (InvalidInputError, ModelFileError), match="is a checkpoint of format 1"
    ) as error:
        fit.fit(expected()["inputs/table"])
    assert "\n" not in str(error.value)
