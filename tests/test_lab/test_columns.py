# SPDX-License-Identifier: Apache-2.0
"""Tiles in a row under their titles."""

import numpy as np
import pytest

from centergroup_mm.lab.pictures import place_side_by_side


def tile(value, shape=(40, 61, 3)):
    return np.full(shape, value, np.uint8)


def test_tiles_stand_side_by_side_under_titles():
    picture = place_side_by_side([tile(10), tile(20)], ['one', 'a title too long'])
    assert [side % 2 for side in picture.shape[:2]] == [0, 0]
    columns = []
    for value in (10, 20):
        y, x = np.nonzero((picture == value).all(-1))
        top, left = y.min(), x.min()
        assert (picture[top : top + 40, left : left + 61] == value).all()
        # The title has ink, above its own column only.
        assert (picture[:top, left : left + 61] < 200).any()
        columns.append((left, left + 61))
    between = picture[:, columns[0][1] : columns[1][0]]
    assert (between == 255).all()


def test_tiles_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match='one size'):
        place_side_by_side([tile(1), tile(1, (40, 60, 3))], ['', ''])
    with pytest.raises(ValueError, match='none'):
        place_side_by_side([], [])
