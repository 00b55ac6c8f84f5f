"""A first row is a header if it could be names, and data if a value in it is none."""

from __future__ import annotations

import pytest

from isthmus.data.files.sniffing import sniff


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("39.3,tcp,1\n41.2,007,0\n", False),  # text over a number, but no name is 39.3
        ("id,2019\n1,2\n", True),
        ("a,b\n1,2\n", True),
        ("1,2\n3,4\n", False),
        ("tcp,udp\nudp,tcp\n", True),
    ],
)
def test_a_fraction_is_no_name(text, header, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    assert sniff(path, header=None, suffix=".csv").header is header
