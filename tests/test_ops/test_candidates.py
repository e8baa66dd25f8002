# SPDX-License-Identifier: Apache-2.0
"""Candidates: local maxima, their order and which of them are valid."""

import pytest
import torch
import torch.nn.functional as F

from centergroup_mm.ops import candidates as candidates_module
from centergroup_mm.ops.candidates import (
    best_pixels,
    keep_local_maxima,
    select_candidates,
    sliding_max,
)


def everywhere(heatmaps):
    """A mask of the whole map."""
    return torch.ones_like(heatmaps[:, :1], dtype=torch.bool)


def select(heatmaps, inside=None, usable=None, **rule):
    """Select with a window of 3, 4 slots, a floor of 0.1 and nothing below it."""
    inside = everywhere(heatmaps) if inside is None else inside
    rule = {
        'kernel_size': 3,
        'num_candidates': 4,
        'score_floor': 0.1,
        'min_candidates': 0,
        **rule,
    }
    return select_candidates(
        heatmaps, inside, inside if usable is None else usable, **rule
    )


def peaks_at(values, size=(9, 7)):
    """A map (1, 1, h, w) that is zero but for ``values``, {(x, y): value}."""
    width, height = size
    maps = torch.zeros(1, 1, height, width)
    for (x, y), value in values.items():
        maps[0, 0, y, x] = value
    return maps


def valid_points(candidates, image=0, type_=0):
    """The valid (x, y) of one map, in their order."""
    kept = candidates.valid[image, type_]
    return [tuple(point) for point in candidates.coords[image, type_][kept].tolist()]


def brute_force(heatmap, inside, usable, kernel, floor, min_candidates):
    """Valid (x, y, score) of one map (h, w), pixel by pixel."""
    height, width = heatmap.shape
    heatmap = heatmap * inside
    half = kernel // 2
    found = []
    for y in range(height):
        for x in range(width):
            window = heatmap[
                max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1
            ]
            if heatmap[y, x] > 0 and heatmap[y, x] == window.max():
                found.append((x, y, heatmap[y, x].item()))
    found.sort(key=lambda peak: -peak[2])
    return [
        (x, y, score)
        for rank, (x, y, score) in enumerate(found)
        if (score >= floor or rank < min_candidates) and usable[y, x]
    ]


@pytest.mark.parametrize('kernel', [1, 2, 3, 5, 17])
@pytest.mark.parametrize('dim', [-1, -2])
def test_sliding_max_is_the_maximum_of_every_window(kernel, dim):
    maps = torch.randn(2, 3, 20, 18, generator=torch.Generator().manual_seed(kernel))
    expected = maps.unfold(dim, kernel, 1).amax(-1)
    assert torch.equal(sliding_max(maps, kernel, dim), expected)


def test_sliding_max_slides_along_one_dimension_only():
    maps = peaks_at({(4, 3): 1.0})
    along_x, along_y = sliding_max(maps, 5, -1), sliding_max(maps, 5, -2)
    assert along_x.nonzero()[:, 2:].tolist() == [[3, x] for x in (0, 1, 2, 3, 4)]
    assert along_y.nonzero()[:, 2:].tolist() == [[y, 4] for y in (0, 1, 2)]


def random_maps(shape, seed):
    """Maps with plateaus and ties, of either sign, high at the borders too."""
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(shape, generator=generator)
    coarse = (2 * torch.randn(shape, generator=generator)).round() / 2
    maps = torch.where(torch.rand(shape, generator=generator) > 0.5, coarse, maps)
    maps[..., 0, :3] = maps[..., -1, -1] = 9.0
    return maps


@pytest.mark.parametrize('kernel', [1, 3, 5, 17])
@pytest.mark.parametrize('size', [(33, 20), (5, 31), (4, 2), (1, 1), (64, 48)])
@pytest.mark.parametrize('channels', [5, 14, 17])
def test_local_maxima_are_those_of_max_pooling(kernel, size, channels):
    maps = random_maps((2, channels, *size), seed=kernel)
    if channels == 14:
        maps = maps.contiguous(memory_format=torch.channels_last)
    pooled = F.max_pool2d(maps, kernel, stride=1, padding=kernel // 2)
    expected = maps * (pooled == maps)
    assert torch.equal(keep_local_maxima(maps, kernel), expected)


@pytest.mark.parametrize('kernel', [5, 17])
def test_a_record_finds_the_same_candidates(kernel):
    maps = random_maps((2, 5, 48, 64), seed=kernel)
    inside = torch.ones(2, 1, 48, 64, dtype=torch.bool)
    inside[1, :, :, 50:] = False

    class Find(torch.nn.Module):
        def forward(self, maps, inside):
            found = select_candidates(maps, inside, inside, kernel, 30, 0.01, 5)
            return found.coords, found.scores, found.valid

    example = maps.flip(-1), inside
    recorded = torch.export.export(Find(), example).module()(maps, inside)
    expected = Find()(maps, inside)
    for own, other in zip(recorded, expected, strict=True):
        assert torch.equal(own, other)


@pytest.mark.parametrize('count', [1, 3, 11, 30])
@pytest.mark.parametrize('size', [(64, 48), (32, 64), (64, 40), (16, 16), (37, 23)])
@pytest.mark.parametrize('seed', range(3))
def test_best_pixels_are_the_highest(count, size, seed):
    """In blocks and without, with more equal values than are taken, and without."""
    maps = random_maps((2, 5, *size), seed)
    maps[1] = maps[1].round()
    maps[0, 0] = -1.5
    values, index = best_pixels(maps, count)
    expected, _ = maps.flatten(2).topk(count)
    assert torch.equal(values, expected)
    assert torch.equal(maps.flatten(2).gather(2, index), values)
    different = index.sort(-1).values.diff(dim=-1)
    assert (different > 0).all(), 'no pixel is taken twice'


def test_all_best_pixels_may_lie_in_one_block():
    maps = torch.zeros(1, 1, 64, 64)
    maps[0, 0, 17:22, 33:38] = torch.arange(1, 26).view(5, 5)
    values, index = best_pixels(maps, 10)
    assert values[0, 0].tolist() == list(range(25, 15, -1))
    assert (index[0, 0, 0] % 64, index[0, 0, 0] // 64) == (37, 21)


def test_peaks_are_found_where_they_were_placed_best_first():
    maps = peaks_at({(0, 0): 0.3, (8, 6): 0.9, (4, 3): 0.5})
    candidates = select(maps)
    assert candidates.coords.dtype == torch.int64
    assert valid_points(candidates) == [(8, 6), (4, 3), (0, 0)]
    torch.testing.assert_close(
        candidates.scores, torch.tensor([[[0.9, 0.5, 0.3, 0.0]]])
    )


def test_weaker_peak_within_the_window_is_suppressed():
    maps = peaks_at({(4, 3): 0.9, (6, 3): 0.8})
    assert valid_points(select(maps, kernel_size=3)) == [(4, 3), (6, 3)]
    assert valid_points(select(maps, kernel_size=5)) == [(4, 3)]


def test_suppression_is_by_the_map_not_by_other_peaks():
    """The lowest of three in a row is hidden by a pixel that is itself hidden."""
    maps = peaks_at({(2, 3): 0.9, (4, 3): 0.8, (6, 3): 0.7})
    assert valid_points(select(maps, kernel_size=5)) == [(2, 3)]


def test_every_pixel_of_a_plateau_is_a_maximum():
    maps = peaks_at({(2, 2): 0.5, (3, 2): 0.5, (2, 3): 0.5})
    assert torch.equal(keep_local_maxima(maps, 5), maps)
    assert set(valid_points(select(maps))) == {(2, 2), (3, 2), (2, 3)}


def test_floor_or_rank_makes_a_candidate_valid():
    maps = peaks_at({(0, 0): 0.9, (4, 0): 0.1, (8, 0): 0.05, (0, 6): 0.02})
    by_floor = valid_points(select(maps))
    assert by_floor == [(0, 0), (4, 0)], 'a score at the floor itself is enough'
    by_rank = valid_points(select(maps, min_candidates=3))
    assert by_rank == [(0, 0), (4, 0), (8, 0)]
    assert len(valid_points(select(maps, min_candidates=4))) == 4


def test_rank_counts_within_a_type():
    maps = torch.cat((peaks_at({(0, 0): 0.05}), peaks_at({(8, 6): 0.9})), 1)
    candidates = select(maps, min_candidates=1)
    assert valid_points(candidates, type_=0) == [(0, 0)]
    assert valid_points(candidates, type_=1) == [(8, 6)]


@pytest.mark.parametrize('level', [0.0, -0.5])
def test_maps_without_a_positive_peak_have_no_candidates(level):
    maps = torch.full((2, 3, 7, 9), level)
    maps[:, :, 3, 3] = level / 2
    candidates = select(maps, min_candidates=4, score_floor=-1.0)
    assert candidates.coords.shape == (2, 3, 4, 2)
    assert not candidates.valid.any()


def test_negative_peak_is_never_valid_beside_positive_ones():
    maps = peaks_at({(4, 3): 0.9}) - 0.2
    maps[0, 0, 0, 0] = -0.1
    candidates = select(maps, min_candidates=4)
    assert valid_points(candidates) == [(4, 3)]


def test_padding_hides_peaks_from_selection_and_from_suppression():
    maps = peaks_at({(8, 3): 5.0, (7, 3): 0.5, (1, 1): 0.2})
    inside = everywhere(maps)
    inside[..., 8:] = False
    candidates = select(maps, inside, min_candidates=4)
    assert valid_points(candidates) == [(7, 3), (1, 1)]


def test_negative_values_in_padding_do_not_lower_the_border():
    """Padding holds 0 and so outranks a negative border, which has no candidates."""
    maps = torch.full((1, 1, 7, 9), -1.0)
    inside = everywhere(maps)
    inside[..., 6:] = False
    assert not select(maps, inside, min_candidates=4).valid.any()


def test_unusable_candidates_keep_their_slot_and_rank_but_are_invalid():
    maps = peaks_at({(0, 0): 0.9, (4, 0): 0.05, (8, 0): 0.04})
    usable = everywhere(maps)
    usable[..., 0, 0] = False
    candidates = select(maps, usable=usable, min_candidates=2)
    assert candidates.coords[0, 0, 0].tolist() == [0, 0]
    assert valid_points(candidates) == [(4, 0)], 'the third is of rank 2'


@pytest.mark.parametrize('num_candidates', [1, 6])
def test_only_so_many_candidates_are_taken(num_candidates):
    maps = peaks_at({(x, y): 1 + x + 9 * y for x in (0, 4, 8) for y in (0, 3, 6)})
    candidates = select(maps, num_candidates=num_candidates)
    assert candidates.valid.shape == (1, 1, num_candidates)
    ranked = [(8, 6), (4, 6), (0, 6), (8, 3), (4, 3), (0, 3)]
    assert valid_points(candidates) == ranked[:num_candidates]


@pytest.mark.parametrize('seed', range(5))
def test_agrees_with_brute_force(seed):
    generator = torch.Generator().manual_seed(seed)
    maps = 0.3 * torch.randn(2, 3, 14, 19, generator=generator)
    # Whatever was drawn: peaks above the floor, and one below it with a rank.
    maps[:, :, 7, 9], maps[:, :, 10, 3], maps[:, :, 0, 12] = 3.0, 2.0, 1.85
    inside, usable = everywhere(maps), everywhere(maps)
    inside[1, :, :, 15:] = False
    usable[0, :, :5, :8] = False
    usable &= inside
    candidates = select_candidates(maps, inside, usable, 5, 40, 1.9, 4)
    for image in range(2):
        for type_ in range(3):
            kept = candidates.valid[image, type_]
            found = torch.cat(
                (candidates.coords, candidates.scores[..., None]), -1
            ).double()[image, type_][kept]
            expected = brute_force(
                maps[image, type_], inside[image, 0], usable[image, 0], 5, 1.9, 4
            )
            assert {(9, 7), (3, 10), (12, 0)} <= {(x, y) for x, y, _ in expected}
            torch.testing.assert_close(
                found, torch.tensor(expected, dtype=torch.float64)
            )


@pytest.mark.parametrize('pixels', [1, 500, 2**21])
def test_maps_may_be_taken_a_few_at_a_time(pixels, monkeypatch):
    maps = random_maps((2, 5, 12, 16), seed=0)
    expected = select(maps)
    monkeypatch.setattr(candidates_module, 'CPU_PIXELS', pixels)
    found = select(maps)
    for name in ('coords', 'scores', 'valid'):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name


def test_batched_equals_single():
    maps = torch.randn(3, 2, 12, 16, generator=torch.Generator().manual_seed(0))
    inside = everywhere(maps)
    inside[1, :, 8:] = False
    together = select(maps, inside, min_candidates=2)
    for image in range(3):
        alone = select(
            maps[image : image + 1], inside[image : image + 1], min_candidates=2
        )
        for name in ('coords', 'scores', 'valid'):
            whole, part = getattr(together, name), getattr(alone, name)
            assert torch.equal(whole[image : image + 1], part), name
