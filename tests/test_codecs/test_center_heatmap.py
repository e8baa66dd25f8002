# SPDX-License-Identifier: Apache-2.0
"""Targets of the center heatmap codec."""

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

from centergroup_mm.codecs import CenterHeatmap
from centergroup_mm.ops.fusion import fuse_heatmaps

SIZE = (64, 64)


def one_person(*points):
    """Keypoints (1, K, 2), all labeled."""
    return np.array([points], dtype=np.float32)


def encode(keypoints, visible=None, codec=None, **kwargs):
    return (codec or CenterHeatmap(SIZE)).encode(keypoints, visible, **kwargs)


def test_is_registered():
    codec = KEYPOINT_CODECS.build({'type': 'CenterHeatmap', 'input_size': SIZE})
    assert isinstance(codec, CenterHeatmap)


def test_peak_is_truncated_pixel_at_each_resolution():
    encoded = encode(one_person((33.9, 18.9), (41.0, 31.0)))
    for heatmaps, downscale in zip(encoded['heatmaps'], (4, 2), strict=True):
        assert heatmaps.shape == (3, 64 // downscale, 64 // downscale)
        assert heatmaps.dtype == np.float32
        y, x = np.unravel_index(heatmaps[0].argmax(), heatmaps[0].shape)
        assert (x, y) == (int(33.9 / downscale), int(18.9 / downscale))
        assert heatmaps[0, y, x] == 1


def test_gaussian_has_its_window_and_nothing_beyond():
    heatmap = encode(one_person((32, 32)))['heatmaps'][1][0]
    y, x = np.mgrid[:32, :32] - 16
    expected = np.exp(-(x**2 + y**2) / (2 * 2.0**2))
    window = np.maximum(abs(x), abs(y)) <= 7
    np.testing.assert_allclose(heatmap[window], expected[window], rtol=1e-6)
    assert not heatmap[~window].any()
    assert np.count_nonzero(heatmap) == 15 * 15
    assert heatmap[heatmap > 0].min() > np.finfo(np.float32).tiny


def test_gaussians_are_cut_at_the_border_of_the_map():
    heatmap = encode(one_person((0, 63.9)))['heatmaps'][0][0]
    assert heatmap[15, 0] == 1
    assert np.count_nonzero(heatmap) == 8 * 8


def test_persons_are_merged_by_their_maximum():
    people = np.concatenate((one_person((20, 20)), one_person((28, 20))))
    both = encode(people)['heatmaps'][1][0]
    alone = [encode(person[None])['heatmaps'][1][0] for person in people]
    np.testing.assert_array_equal(both, np.maximum(*alone))


def test_center_is_mean_of_visible_keypoints():
    keypoints = one_person((10, 10), (30, 20), (90, 10), (60, 60))
    encoded = encode(keypoints, np.array([[1, 2, 1, 0]]))
    np.testing.assert_allclose(encoded['center_labels'], [[20, 15]])
    np.testing.assert_array_equal(encoded['visible_labels'], [[1, 1, 0, 0]])
    y, x = np.unravel_index(encoded['heatmaps'][0][-1].argmax(), (16, 16))
    assert (x, y) == (5, 3)
    assert not encoded['heatmaps'][0][2:4].any()


def test_inside_is_half_open():
    encoded = encode(one_person((0, 0), (64, 10), (63.99, 63.99), (-0.01, 5)))
    np.testing.assert_array_equal(encoded['visible_labels'], [[1, 0, 1, 0]])


@pytest.mark.parametrize('x', [20, 21, 22, 23, 40.5])
def test_mirrored_peaks_are_mirrored_at_their_own_resolution(x):
    """Mirroring after scaling, side - 1 - x / downscale; not scaling the mirrored x."""
    encoded = encode(one_person((63 - x, 30)), flip=True)
    for heatmaps, downscale in zip(encoded['heatmaps'], (4, 2), strict=True):
        _, column = np.unravel_index(heatmaps[0].argmax(), heatmaps[0].shape)
        assert column == int(64 // downscale - 1 - x / downscale)
    np.testing.assert_allclose(encoded['center_labels'], [[63 - x, 30]])


# Inside or outside of a crop of 64 px at full resolution, on either side of each
# border, where a mirrored level of 1/4 or 1/2 has its border elsewhere.
BORDER_POINTS = [0, 0.9, 2.9, 3.1, 60.9, 61.1, 62.9, 63.1, 63.99], [-0.01, 64, 65, 66.9]


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('axis', [0, 1])
def test_visibility_is_that_of_full_resolution_at_every_level(flip, axis):
    inside, outside = BORDER_POINTS
    keypoints = np.full((1, len(inside) + len(outside) + 1, 2), 30, np.float32)
    keypoints[0, :-1, axis] = [*inside, *outside]
    expected = np.isin(keypoints[0, :, axis], np.float32([*inside, 30]))
    encoded = encode(keypoints, flip=flip)
    np.testing.assert_array_equal(encoded['visible_labels'][0], expected)
    np.testing.assert_array_equal(encoded['tag_indices'][0, :-1, 1], expected)
    for heatmaps in encoded['heatmaps']:
        np.testing.assert_array_equal(heatmaps[:-1].max((1, 2)) == 1, expected)


def test_the_center_is_the_mean_of_the_same_keypoints_at_every_level():
    """The second keypoint is outside, though within the frame of a mirrored 1/4."""
    encoded = encode(one_person((30, 30), (66, 30)), flip=True)
    np.testing.assert_array_equal(encoded['center_labels'], [[30, 30]])
    for heatmaps, column in zip(encoded['heatmaps'], (6, 14), strict=True):
        peaks = np.argwhere(heatmaps[-1] == 1)
        np.testing.assert_array_equal(peaks[:, 1], [column])


def test_a_person_at_the_mirrored_border_is_a_target_at_every_level():
    """Its keypoints are inside, though left of the frame of 1/4: x - 3 < 0."""
    encoded = encode(one_person((1, 30), (2, 30)), flip=True)
    assert encoded['tag_indices'][0, :, 1].tolist() == [1, 1, 1]
    for heatmaps, row in zip(encoded['heatmaps'], (7, 15), strict=True):
        assert np.argwhere(heatmaps == 1).tolist() == [[i, row, 0] for i in range(3)]


@pytest.mark.parametrize('flip', [False, True])
def test_tag_indices_point_to_the_peaks(flip):
    rng = np.random.default_rng(1)
    keypoints = rng.uniform(-10, 74, (6, 4, 2)).astype(np.float32)
    # Whatever was drawn: a keypoint in the middle, and one right of the crop.
    keypoints[:, 0], keypoints[:, 1] = (32, 32), (65.5, 32)
    encoded = encode(keypoints, flip=flip)
    tags = encoded['tag_indices']
    assert tags.shape == (6, 5, 2)
    assert tags.dtype == np.int64
    np.testing.assert_array_equal(tags[:, :4, 1], encoded['visible_labels'])
    maps = encoded['heatmaps'][0].reshape(5, -1)
    for channel in range(5):
        index, visible = tags[:, channel].T
        np.testing.assert_array_equal(maps[channel, index[visible == 1]], 1)
        assert not index[visible == 0].any()


def test_persons_without_visible_keypoint_are_no_targets():
    keypoints = np.concatenate((one_person((80, 80)), one_person((20, 20))))
    encoded = encode(keypoints, box_areas=np.array([100.0, 400.0]))
    np.testing.assert_array_equal(encoded['keypoint_labels'], keypoints[1:])
    np.testing.assert_array_equal(encoded['box_area_labels'], [400])
    assert (encoded['heatmaps'][0] == 1).sum() == 2


class TestUnbiased:
    codec = CenterHeatmap(SIZE, unbiased=True)
    points = ((20.3, 30.9), (41.7, 12.0), (50.0, 51.6))

    def test_a_gaussian_stands_at_the_very_place(self):
        encoded = encode(one_person(*self.points), codec=self.codec)
        x, y = np.array(self.points).T
        places = np.append(x, x.mean()), np.append(y, y.mean())
        for heatmaps, downscale in zip(encoded['heatmaps'], (4, 2), strict=True):
            rows, columns = np.indices(heatmaps.shape[1:])
            for heatmap, x, y in zip(heatmaps, *places, strict=True):
                dx, dy = (
                    (index + 0.5) - place / downscale
                    for index, place in ((columns, x), (rows, y))
                )
                expected = np.exp(-(dx**2 + dy**2) / (2 * 2.0**2))
                drawn = heatmap > 0
                np.testing.assert_allclose(heatmap[drawn], expected[drawn], rtol=1e-4)
                assert expected[~drawn].max() < 0.01
                assert heatmap[drawn].min() > np.finfo(np.float32).tiny

    def test_the_mirrored_image_has_the_mirrored_targets(self):
        plain = encode(one_person(*self.points), codec=self.codec)
        mirrored = [(63 - x, y) for x, y in self.points]
        flipped = encode(one_person(*mirrored), codec=self.codec, flip=True)
        for one, other in zip(plain['heatmaps'], flipped['heatmaps'], strict=True):
            inner = np.s_[:, :, 1:-1]  # windows are cut at a whole pixel
            close = np.abs(one[..., ::-1] - other)[inner]
            assert close.max() < 2e-3

    @pytest.mark.parametrize('flip', [False, True])
    def test_tags_are_read_inside_the_map_next_to_the_place(self, flip):
        corners = one_person((0, 0), (63.99, 63.99), (0, 63.99), (63.99, 0))
        encoded = encode(corners, codec=self.codec, flip=flip)
        index, visible = encoded['tag_indices'][0].T
        assert visible.all()
        assert index.tolist()[:4] == [0, 255, 240, 15]
        assert all(maps[:4].max() > 0.8 for maps in encoded['heatmaps'])

    @pytest.mark.parametrize('flip', [False, True])
    def test_the_newton_step_gives_the_place_back(self, flip):
        """Drawn, enlarged to the input, found and refined."""
        given = [(63 - x, y) for x, y in self.points] if flip else self.points
        encoded = encode(one_person(*given), codec=self.codec, flip=flip)
        stages = [torch.from_numpy(maps)[None] for maps in encoded['heatmaps']]
        codec = CenterHeatmap(SIZE, newton_sigma=2.5)
        maps = fuse_heatmaps([stages], SIZE)
        everywhere = torch.ones(1, 1, 64, 64, dtype=torch.bool)
        keypoints, _ = codec.find_candidates(maps, everywhere, everywhere)
        pixels = keypoints.coords[:, :, 0][:, None]
        refined = codec.refine(maps[:, :3], pixels)[0, 0]
        # In the frame of the mirrored image x lies at side - x.
        expected = torch.tensor(given) + torch.tensor([int(flip), 0])
        torch.testing.assert_close(refined, expected, rtol=0, atol=0.15)


def test_no_person():
    encoded = encode(np.zeros((0, 5, 2)), np.zeros((0, 5)), box_areas=np.zeros(0))
    shapes = {
        'keypoint_labels': (0, 5, 2),
        'visible_labels': (0, 5),
        'center_labels': (0, 2),
        'box_area_labels': (0,),
        'tag_indices': (0, 6, 2),
    }
    assert {key: encoded[key].shape for key in shapes} == shapes
    assert [maps.shape for maps in encoded['heatmaps']] == [(6, 16, 16), (6, 32, 32)]
    assert not any(maps.any() for maps in encoded['heatmaps'])


def test_more_persons_than_candidates():
    keypoints = np.random.default_rng(2).uniform(0, 64, (50, 3, 2))
    encoded = encode(keypoints, codec=CenterHeatmap(SIZE, num_candidates=30))
    assert len(encoded['keypoint_labels']) == 50


def test_refuses_sizes_that_do_not_divide():
    with pytest.raises(ValueError, match=r'\(62, 64\).*downscale 4'):
        CenterHeatmap((62, 64))


@pytest.mark.parametrize('name', ['keypoint_kernel', 'center_kernel'])
@pytest.mark.parametrize('kernel', [0, 4, -3])
def test_windows_have_a_middle(name, kernel):
    with pytest.raises(ValueError, match=f'{name} is {kernel}; expected an odd'):
        CenterHeatmap(SIZE, **{name: kernel})
