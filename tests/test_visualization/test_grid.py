# SPDX-License-Identifier: Apache-2.0
"""Pictures: what is drawn lies where the keypoints lie, in the right colors."""

import numpy as np
import pytest

from centergroup_mm.coco import People
from centergroup_mm.visualization.grid import (
    draw_people,
    make_grid,
    match_people,
    person_color,
)

BLACK = np.zeros((64, 64, 3), dtype=np.uint8)


def people(keypoints, shown=True, occluded=False) -> People:
    keypoints = np.array(keypoints, dtype=float)
    visibility = np.where(shown, np.where(occluded, 1, 2), 0)
    return People(keypoints, np.broadcast_to(visibility, keypoints.shape[:2]))


@pytest.mark.parametrize('scale', [1, 1.5, 2])
def test_a_keypoint_lies_at_its_enlarged_pixel(scale):
    drawn = draw_people(BLACK, people([[(20, 40)]]), [], scale=scale)
    assert drawn.shape == (64 * scale, 64 * scale, 3)
    y, x = np.nonzero(drawn.any(axis=-1))
    center = (np.array([20, 40]) + 0.5) * scale - 0.5
    assert np.abs([x.mean(), y.mean()] - center).max() < 0.5


def test_a_shrunken_image_has_no_moire():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = 255
    drawn = draw_people(stripes, people(np.zeros((0, 1, 2))), [], scale=0.25)
    assert drawn.shape == (16, 16, 3)
    assert np.abs(drawn.astype(int) - 64).max() <= 1


def test_disc_ring_and_nothing():
    shown = [[True, True, False]]
    occluded = [[False, True, False]]
    keypoints = [[(10, 10), (30, 30), (50, 50)]]
    drawn = draw_people(BLACK, people(keypoints, shown, occluded), [], scale=1)
    assert tuple(drawn[10, 10]) == person_color(0)
    assert tuple(drawn[30, 30]) == (255, 255, 255)
    assert not drawn[42:, 42:].any()


def test_a_limb_needs_both_ends():
    ends = [[(10, 20), (50, 20)]]
    whole = draw_people(BLACK, people(ends), [(0, 1)], scale=1)
    half = draw_people(BLACK, people(ends, [[True, False]]), [(0, 1)], scale=1)
    assert tuple(whole[20, 30]) == person_color(0)
    assert not half[20, 30].any()


def test_regions_are_outlined():
    drawn = draw_people(
        BLACK, people(np.zeros((0, 1, 2))), [], scale=1, regions=[(9, 9, 20, 30)]
    )
    assert drawn[20, 9].any() and drawn[39, 20].any()
    assert not drawn[20, 20].any()


def test_the_picture_given_is_left_alone():
    image = BLACK.copy()
    draw_people(image, people([[(20, 40)]]), [], scale=1)
    assert not image.any()


def test_a_dozen_people_have_colors_of_their_own():
    colors = np.array([person_color(i) for i in range(12)], dtype=int)
    apart = np.abs(colors[:, None] - colors).sum(-1) + 999 * np.eye(12, dtype=int)
    assert apart.min() > 40


def test_people_are_numbered_like_those_they_resemble():
    reference = people([[(0, 0), (10, 0)], [(50, 0), (60, 0)]])
    found = people([[(30, 30), (31, 31)], [(51, 1), (59, 0)], [(1, 1), (10, 1)]])
    assert match_people(found, reference) == [2, 1, 0]


def test_numbers_without_people_or_common_keypoints():
    nobody = people(np.zeros((0, 2, 2)))
    somebody = people([[(0, 0), (5, 5)]], [[True, False]])
    other = people([[(0, 0), (5, 5)]], [[False, True]])
    assert match_people(nobody, somebody) == []
    assert match_people(somebody, nobody) == [0]
    assert match_people(somebody, other) == [0]


def test_tiles_lie_in_their_places():
    tiles = [
        [np.full((40, 60, 3), 10 * r + c, np.uint8) for c in (1, 2)] for r in range(3)
    ]
    grid = make_grid(tiles, ['a', 'b'], ['x', 'y', 'z'], blocks=2)
    for row in tiles:
        for tile in row:
            value = tile[0, 0, 0]
            y, x = np.nonzero((grid == value).all(axis=-1))
            assert len(y) >= 40 * 60
            assert (grid[y.min() : y.min() + 40, x.min() : x.min() + 60] == tile).all()
    # Titles above and captions below leave ink on the white.
    assert (grid[:25] < 200).any()
    assert (grid[-20:, : grid.shape[1] // 2] < 200).any()


def test_tiles_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match='one size'):
        make_grid([[BLACK, BLACK[:32]]], ['a', 'b'], [''])
    with pytest.raises(ValueError, match='none'):
        make_grid([], [], [])
