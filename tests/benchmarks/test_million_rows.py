"""The benchmark of a million rows, with a few thousand."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow.parquet
import pytest

from benchmarks import million_rows


@pytest.mark.skipif(sys.platform != "linux", reason="the peak memory is read from /proc")
def test_a_file_is_read_in_stretches_and_counted(tmp_path):
    path = tmp_path / "t.parquet"
    million_rows.write(path, million_rows.BATCH + 500)
    with pyarrow.parquet.ParquetFile(path) as file:
        assert file.metadata.num_row_groups == 2
        assert file.metadata.num_columns == million_rows.COLUMNS
    found = million_rows.score(million_rows.READING, "parquet", path)
    assert found["rows"] == million_rows.BATCH + 500
    assert found["peak"] >= found["before"] > 0


def test_made_rows_are_seeded_and_bounded():
    first, again, other = (million_rows.made(200, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (200, million_rows.COLUMNS)
    assert np.abs(first).max() < 2
