# SPDX-License-Identifier: Apache-2.0
"""Masks in run lengths."""

import json

import numpy as np
import pytest

from centergroup_mm.coco import decode_rle, encode_rle


@pytest.mark.parametrize('fill', [0, 1, 'random', 'first', 'last'])
def test_rle_round_trip(fill):
    mask = np.zeros((7, 5), bool)
    if fill == 'random':
        mask = np.random.default_rng(0).random((7, 5)) < 0.4
    elif fill == 'first':
        mask[0, 0] = True
    elif fill == 'last':
        mask[-1, -1] = True
    else:
        mask[:] = fill
    rle = json.loads(json.dumps(encode_rle(mask)))
    assert sum(rle['counts']) == mask.size
    assert (decode_rle(rle) == mask).all()
    coder = pytest.importorskip('pycocotools.mask')
    packed = coder.frPyObjects(rle, *rle['size'])
    assert (coder.decode(packed) == mask).all()
