"""Neighbourhoods by their definition, and maps of other libraries beside the code."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import sklearn.manifold
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from isthmus import Autoencoder
from isthmus.errors import InvalidInputError, MissingDependencyError
from isthmus.geometry import compare_embeddings, continuity, embed, trustworthiness
from isthmus.models import ESTIMATORS


def ranks(X):
    """r(i, j): 1 for the nearest other sample of i, and so on."""
    distance = np.linalg.norm(X[:, None] - X[None], axis=2)
    np.fill_diagonal(distance, -1)
    order = np.argsort(distance, axis=1, kind="stable")
    found = np.empty_like(order)
    np.put_along_axis(found, order, np.arange(len(X))[None].repeat(len(X), 0), axis=1)
    return found


def by_definition(X, Z, k):
    """1 − 2/(nk(2n−3k−1)) Σᵢ Σ over false neighbours (r − k) (Venna & Kaski 2001)."""
    n, data, points = len(X), ranks(X), ranks(Z)
    total = 0
    for i in range(n):
        for j in range(n):
            if i != j and points[i, j] <= k and data[i, j] > k:
                total += data[i, j] - k
    return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * total


@settings(max_examples=15, deadline=None)
@given(st.integers(8, 40), st.integers(1, 3), st.integers(0, 99))
def test_trustworthiness_and_continuity_are_those_of_the_paper(n, k, seed):
    rng = np.random.default_rng(seed)
    X, Z = rng.normal(size=(n, 4)), rng.normal(size=(n, 2))
    assert trustworthiness(X, Z, n_neighbors=k) == pytest.approx(by_definition(X, Z, k))
    assert continuity(X, Z, n_neighbors=k) == pytest.approx(by_definition(Z, X, k))
    theirs = sklearn.manifold.trustworthiness(X, Z, n_neighbors=k)
    assert trustworthiness(X, Z, n_neighbors=k) == pytest.approx(theirs)


def test_a_fold_loses_trust_and_a_tear_loses_continuity():
    t = np.random.default_rng(0).uniform(-1, 1, size=(300, 1))
    folded, torn = np.abs(t), np.where(t < 0, t, t + 5)
    assert trustworthiness(t, folded) < 0.9 < 0.95 < continuity(t, folded)
    angle = np.pi * t
    circle = np.hstack([np.cos(angle), np.sin(angle)])
    assert continuity(circle, t) < trustworthiness(circle, t)
    assert trustworthiness(t, torn) > 0.99


def test_pca_and_classical_mds_are_one_map():
    X = np.random.default_rng(0).normal(size=(60, 5)) * [4, 3, 1, 1, 1]
    pca = embed(X)
    np.testing.assert_allclose(np.abs(pca), np.abs(PCA(2).fit_transform(X)), rtol=1e-4)
    np.testing.assert_allclose(np.abs(embed(X, "mds")), np.abs(pca), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_seeds_decide_and_globals_stay(method):
    X = load_digits().data[:60]
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002 - the global one is the subject
    threads = torch.get_num_threads()
    first, second, other = (embed(X, method, random_state=seed) for seed in (0, 0, 1))
    unseeded = embed(X, method)
    np.testing.assert_array_equal(first, second)
    assert first.shape == unseeded.shape == (60, 2)
    assert first.dtype == np.float32
    if method == "umap":  # t-SNE starts from PCA, and draws nothing for so few
        assert (first != other).any()
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002
    assert torch.get_num_threads() == threads  # numba has its own idea of them
    assert trustworthiness(X, first) > 0.85
    assert embed(X[:5], method, random_state=0).shape == (5, 2)


def test_a_missing_library_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingDependencyError, match=r"umap-learn .* pip install 'isthmus\[embed"):
        embed(np.eye(6), "umap")


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_the_comparison_holds_the_numbers_of_its_maps(latent_dim):
    digits = load_digits()
    X = digits.data[:300]
    model = Autoencoder(
        latent_dim=latent_dim, max_epochs=2, early_stopping=False, random_state=0
    ).fit(X)
    found = compare_embeddings(
        model, X, digits.target[:300], methods=("pca",), max_rows=120, random_state=0
    )
    plane = ["code, principal plane"] if latent_dim > 2 else []
    plural = "" if latent_dim == 1 else "s"
    names = [f"code ({latent_dim} number{plural})", *plane, "PCA"]
    assert [one.name for one in found] == names
    rows = found[0].rows
    assert len(set(rows)) == 120
    np.testing.assert_allclose(found[0].points, model.transform(X)[rows], atol=1e-5)
    scaled = ((X - X.mean(0)) / (X.std(0) + (X.std(0) == 0)))[rows]
    for one in found:
        np.testing.assert_array_equal(one.labels, digits.target[rows])
        np.testing.assert_array_equal(one.rows, rows)
        assert one.trustworthiness == pytest.approx(trustworthiness(scaled, one.points), abs=1e-3)
        assert one.continuity == pytest.approx(continuity(scaled, one.points), abs=1e-3)
    again = compare_embeddings(model, X, methods=("pca",), max_rows=120, random_state=0)
    np.testing.assert_array_equal(again[0].rows, rows)
    assert again[0].labels is None
    full = compare_embeddings(model, X, methods=(), max_rows=300)
    np.testing.assert_array_equal(full[0].rows, np.arange(300))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_member_can_be_compared(name):
    X = np.random.default_rng(0).normal(size=(40, 4))
    model = ESTIMATORS[name](latent_dim=3, max_epochs=1, random_state=0).fit(X)
    found = compare_embeddings(model, X, methods=("pca", "mds"))
    assert len(found) == 4
    width = model.transform(X).shape[1]
    names = [f"code ({width} numbers)", "code, principal plane", "PCA", "classical MDS"]
    assert [one.name for one in found] == names
    np.testing.assert_allclose(found[0].points, model.transform(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1].points, embed(found[0].points), rtol=1e-5, atol=1e-5)
    # Of data that are scaled by column, as every member scales real values.
    scaled = (X - X.mean(0)) / (X.std(0) if model.scaler_.method == "robust" else 1)
    assert model.scaler_.method in ("robust", "center")
    np.testing.assert_allclose(found[2].points, embed(scaled), rtol=1e-3, atol=1e-4)
    for one in found:
        assert one.trustworthiness == pytest.approx(trustworthiness(scaled, one.points), abs=5e-3)


def test_what_cannot_be_used_is_named():
    X = np.random.default_rng(0).normal(size=(40, 4))
    model = Autoencoder(max_epochs=1).fit(X)
    for call, message in (
        (lambda: embed(X, "isomap"), "method: expected"),
        (lambda: embed(X[:3]), "X: expected at least 4"),
        (lambda: trustworthiness(X, X[:9]), "Z: expected one point"),
        (lambda: trustworthiness(X, X, n_neighbors=20), "n_neighbors: expected"),
        (lambda: compare_embeddings(model, X, methods=["isomap"]), "methods: expected"),
        (lambda: compare_embeddings(model, X, [1], methods=[]), "labels: expected"),
        (lambda: compare_embeddings(model, X, methods=[], max_rows=2), "max_rows: expected"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            call()
