# SPDX-License-Identifier: Apache-2.0
"""Text keeps away from other text and inside the picture."""

import numpy as np

from centergroup_mm.visualization.labels import Labels


def ink(labels, picture, text, point):
    """The pixels that writing changes, bool (H, W)."""
    before = picture.copy()
    labels.write(picture, text, np.array(point, float), 7)
    return (picture != before).any(-1)


def test_text_covers_no_other_text_and_nothing_kept_free():
    picture = np.full((80, 120, 3), 100, np.uint8)
    labels = Labels(picture.shape, 0.4)
    labels.keep_free(np.array([60.0, 40.0]), 5)
    written = [ink(labels, picture, 'knee', (60, 40)) for _ in range(3)]
    assert all(pixels.any() for pixels in written)
    assert np.sum(written, 0).max() == 1
    assert not np.any(written, 0)[37:44, 57:64].any()


def test_without_room_nothing_is_written():
    picture = np.full((80, 120, 3), 100, np.uint8)
    labels = Labels(picture.shape, 0.4)
    assert not ink(labels, picture, 'a text much too long for it', (60, 40)).any()
    labels.keep_free(np.array([60.0, 40.0]), 100)
    assert not ink(labels, picture, 'knee', (60, 40)).any()
