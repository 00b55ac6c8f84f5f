"""The diagnosis of sparse codes against counting, and against models whose codes are known."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus import SparseAutoencoder
from isthmus.errors import InvalidInputError
from isthmus.evaluation import code_statistics, mean_active_codes


def counted(Z):
    """Everything by loops; a unit is active if it is not 0."""
    n, units = len(Z), len(Z[0])
    active = [[z != 0 for z in row] for row in Z]
    each = [sum(row) for row in active]
    sparseness = []
    for row in Z:
        squares = sum(z * z for z in row) ** 0.5
        if squares:
            ratio = sum(abs(z) for z in row) / squares
            sparseness.append((units**0.5 - ratio) / (units**0.5 - 1))
    return {
        "mean_activity": [sum(abs(row[j]) for row in Z) / n for j in range(units)],
        "active_share": [sum(row[j] for row in active) / n for j in range(units)],
        "dead": [len({row[j] for row in Z}) == 1 for j in range(units)],
        "mean_active": sum(each) / n,
        "min_active": min(each),
        "max_active": max(each),
        "hoyer": sum(sparseness) / len(sparseness) if sparseness else float("nan"),
    }


@settings(max_examples=100, deadline=None)
@given(
    st.integers(2, 5).flatmap(
        lambda units: st.lists(
            st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.5, -3.0]), min_size=units, max_size=units),
            min_size=1,
            max_size=8,
        )
    )
)
def test_statistics_are_what_counting_gives(Z):
    statistics, expected = code_statistics(Z), counted(Z)
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(statistics, name), value, atol=1e-12, err_msg=name)
    assert statistics.n_samples == len(Z)
    assert statistics.n_units == len(Z[0])
    assert statistics.n_dead == sum(expected["dead"])
    assert statistics.mean_active == pytest.approx(mean_active_codes(Z))
    assert statistics.active_share.sum() == pytest.approx(statistics.mean_active)
    assert str(statistics.n_dead) + " dead" in str(statistics)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e30])
def test_the_scale_of_a_code_does_not_matter(scale):
    Z = np.random.default_rng(0).laplace(size=(50, 6)) * (np.arange(6) < 4)
    plain, scaled = code_statistics(Z), code_statistics(scale * Z)
    assert scaled.hoyer == pytest.approx(plain.hoyer)
    assert scaled.n_dead == plain.n_dead == 2
    np.testing.assert_allclose(scaled.mean_activity, scale * plain.mean_activity)


def test_hoyers_ends():
    assert code_statistics(np.eye(5)).hoyer == pytest.approx(1)
    assert code_statistics(np.full((3, 5), 2.0)).hoyer == pytest.approx(0)
    assert np.isnan(code_statistics(np.zeros((3, 5))).hoyer)
    assert np.isnan(code_statistics(np.ones((3, 1))).hoyer)
    assert code_statistics(np.zeros((3, 5))).n_dead == 5


def test_a_unit_that_never_varies_is_dead_though_it_is_active():
    statistics = code_statistics([[0.5, 0.1], [0.5, 0.2]])
    assert statistics.dead.tolist() == [True, False]
    assert statistics.active_share.tolist() == [1, 1]


def test_a_tolerance_tells_sigmoid_units_that_are_on():
    Z = np.where(np.eye(4) > 0, 0.9, 0.01)
    assert code_statistics(Z).mean_active == 4
    assert code_statistics(Z, tolerance=0.1).mean_active == 1


def test_of_a_model_with_a_code_that_is_known():
    X = np.random.default_rng(0).random((60, 8)).astype(np.float32)
    model = SparseAutoencoder(sparsity="topk", k=3, max_epochs=2, random_state=0).fit(X)
    statistics = code_statistics(model, X)
    assert (statistics.min_active, statistics.max_active) == (3, 3)
    assert statistics.n_units == 16
    with torch.no_grad():
        linear = model.module_.encoder.linears[0]
        linear.weight[5], linear.bias[5] = 0.0, -1e3  # never among the largest
    assert code_statistics(model, X).dead[5]
    codes = model.transform(X)
    for container in (codes, torch.from_numpy(codes), pd.DataFrame(codes), codes.tolist()):
        assert str(code_statistics(container)) == str(code_statistics(model, X))


def test_what_cannot_be_counted():
    model = SparseAutoencoder()
    for arguments, name in (
        ((model,), "X: expected the data"),
        (([[1.0, 2.0]], [[1.0]]), "X: expected none"),
        (([[np.nan, 2.0]],), "Z: expected finite"),
        (([1.0, 2.0],), "Z: expected a non-empty array"),
    ):
        with pytest.raises(InvalidInputError, match=f"^{name}"):
            code_statistics(*arguments)
