"""Planted defects have the masks they are said to have, and maps are measured against them."""

import numpy as np
import torch

from benchmarks.heat_map import CONTROLS, KINDS, blots, compare, overlap, plant


def stripes(n, rng):
    """Images (n, 16, 16) with one bright stripe, higher or lower, brighter or darker."""
    row, _ = np.mgrid[:16, :16] / 15 - 0.5
    place, light = rng.uniform(-0.3, 0.3, (n, 1, 1)), rng.uniform(0.3, 0.7, (n, 1, 1))
    return (0.2 + light * np.exp(-(((row - place) / 0.15) ** 2))).astype(np.float32)


def test_a_defect_is_where_its_mask_is_and_nowhere_else():
    x = np.random.default_rng(0).random((30, 28, 24)).astype(np.float32)
    spoilt, masks, kinds = plant(x, np.random.default_rng(1))
    changed = spoilt != x
    assert not (changed & ~masks).any()
    assert (changed & masks).sum() > 0.99 * masks.sum()
    assert kinds == [*KINDS] * 10
    sizes = masks.mean((1, 2))
    assert (sizes > 0.005).all()
    assert (sizes < 0.2).all()
    again, _, _ = plant(x, np.random.default_rng(1))
    np.testing.assert_array_equal(again, spoilt)


def test_a_blot_is_one_rectangle_of_one_grey():
    x = torch.rand(50, 1, 17, 23, generator=torch.Generator().manual_seed(0))
    corrupted = blots(x, torch.Generator().manual_seed(1))
    changed = (corrupted != x).squeeze(1)
    assert changed.any((1, 2)).float().mean() > 0.8
    for image, mask in zip(corrupted[:, 0], changed, strict=True):
        if mask.any():
            rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
            box = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            assert (box == box[0, 0]).all()
            assert box.numel() == mask.sum()


def test_overlap_is_intersection_over_union():
    masks = np.zeros((1, 4, 4), dtype=bool)
    masks[0, :2] = True
    assert overlap(masks, masks) == 1
    assert overlap(~masks, masks) == 0
    half = masks.copy()
    half[0, 1] = False
    assert overlap(half, masks) == 0.5


def test_the_small_version_already_finds_the_defects():
    rng = np.random.default_rng(0)
    found = compare(
        stripes(400, rng), stripes(60, rng), epochs=30, channels=(8, 16), latent_dim=4, smoothing=1
    )
    assert set(CONTROLS) < set(found)
    assert abs(found["random"]["pixel AUROC"] - 0.5) < 0.1
    for ours in ("autoencoder", "denoising autoencoder"):
        assert found[ours]["pixel AUROC"] > 0.9
        # These images are nearly a linear function of few numbers: PCA is no control here.
        for control in ("random", "distance to the mean image", "untrained network"):
            assert found[ours]["pixel AUROC"] > found[control]["pixel AUROC"], control
