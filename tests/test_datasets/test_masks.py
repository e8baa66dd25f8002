# SPDX-License-Identifier: Apache-2.0
"""Masks of COCO segmentations."""

import numpy as np
import pytest
from xtcocotools import mask as coco_mask

from centergroup_mm.coco import decode_rle
from centergroup_mm.datasets.masks import region_mask

SIZE = (13, 9)  # w, h
BOX = [2.0, 1.0, 6.0, 5.0]
SQUARE = [2, 1, 6, 1, 6, 5, 2, 5]


def random_mask(seed):
    """Blocks of a random size, so that runs are long and short."""
    rng = np.random.default_rng(seed)
    mask = rng.random((40, 70)) < 0.5
    return np.kron(mask, np.ones(rng.integers(1, 9, 2))).astype(bool)


def uncompressed(mask):
    """Run lengths column by column, zeros first."""
    flat = mask.T.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *changes, flat.size]).tolist()
    return {'size': list(mask.shape), 'counts': [0] * int(flat[0]) + runs}


@pytest.mark.parametrize('seed', range(8))
def test_rle_round_trip(seed):
    mask = random_mask(seed)
    np.testing.assert_array_equal(decode_rle(uncompressed(mask)), mask)
    text = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    np.testing.assert_array_equal(decode_rle(text), mask)
    text['counts'] = text['counts'].decode()
    np.testing.assert_array_equal(decode_rle(text), mask)


@pytest.mark.parametrize('value', [False, True])
def test_rle_of_one_value(value):
    mask = np.full((4, 3), value)
    np.testing.assert_array_equal(decode_rle(uncompressed(mask)), mask)


def test_polygon_fills_its_inside():
    mask = region_mask([SQUARE], [0, 0, 1, 1], SIZE)
    assert mask[2:4, 3:5].all()
    assert not mask[:, 8:].any()
    assert not mask[7:].any()


def test_polygons_are_united():
    left, right = [1, 1, 4, 1, 4, 8, 1, 8], [7, 1, 12, 1, 12, 8, 7, 8]
    both = region_mask([left, right], BOX, SIZE)
    alone = [region_mask([polygon], BOX, SIZE) for polygon in (left, right)]
    np.testing.assert_array_equal(both, alone[0] | alone[1])
    assert alone[0].any()
    assert alone[1].any()


@pytest.mark.parametrize('segmentation', [None, [], [[1, 1, 3, 3]]])
def test_box_stands_in_for_missing_segmentation(segmentation):
    mask = region_mask(segmentation, BOX, SIZE)
    expected = np.zeros((9, 13), dtype=bool)
    expected[1:5, 2:6] = True
    np.testing.assert_array_equal(mask, expected)


def test_box_is_clipped_to_the_image():
    assert region_mask(None, [-5.0, -5.0, 100.0, 100.0], SIZE).all()
    assert not region_mask(None, [-9.0, -9.0, -2.0, -2.0], SIZE).any()


@pytest.mark.parametrize(
    ('segmentation', 'message'),
    [
        ({'size': [9, 13], 'counts': [5]}, 'sum to 5'),
        ({'size': [13, 9], 'counts': [0, 117]}, '13 x 9 .* 9 x 13'),
        ({'counts': [0, 117]}, r"keys \['counts'\]"),
        ({'size': [9, 13], 'counts': None}, 'run lengths None'),
        ({'size': [9, 13], 'counts': [0.0, 117.0]}, r'lengths \[0\.0, 117\.0\]'),
        ({'size': [9, 13, 1], 'counts': [0, 117]}, r'size \[9, 13, 1\]'),
        ({'size': None, 'counts': [0, 117]}, 'size None'),
        ({'size': [9.0, 13.0], 'counts': [0, 117]}, r'size \[9\.0, 13\.0\]'),
        ([1, 1, 6, 1, 6, 6], 'no list of polygons'),
        ('everything', 'no list of polygons'),
        ([SQUARE, [1, 1, 6, 1, 6, 6, 2]], r'number 1\) of 7 numbers; expected pairs'),
        ([SQUARE, [1, 1, 6, float('nan'), 6, 6]], r'number 1\) with the value nan'),
        ([[1, 1, 6, float('inf'), 6, 6]], 'value inf; expected finite'),
        ([[1, 1, 6, 1e6, 6, 6]], 'value 1000000'),
        ([[1, 1, 6, 10**400, 6, 6]], 'value 1000'),
        ([[1, 1, 6, '1', 6, 6]], "value '1'"),
        ([[1, 1, 6, None, 6, 6]], 'value None'),
    ],
)
def test_unreadable_segmentation(segmentation, message):
    with pytest.raises(ValueError, match=message):
        region_mask(segmentation, BOX, SIZE)


def test_size_of_run_lengths_is_checked_before_they_are_decoded():
    """Forty thousand million pixels would be set aside."""
    rle = dict(size=[200_000, 200_000], counts=[200_000 * 200_000])
    with pytest.raises(
        ValueError, match='200000 x 200000 pixels for an image of 6 x 8'
    ):
        region_mask(rle, [0, 0, 8, 6], (8, 6))


def test_a_run_length_of_a_text_is_bounded():
    """Numbers without end take a time that grows as the square of the text."""
    with pytest.raises(ValueError, match='more than 12 characters'):
        decode_rle({'size': [1, 1], 'counts': 'o' * 1000})
