# SPDX-License-Identifier: Apache-2.0
"""The mirrored view: going there and back changes nothing."""

import pytest
import torch

from centergroup_mm.ops.candidates import select_candidates
from centergroup_mm.ops.flip import (
    add_mirrored_view,
    average_flipped_maps,
    merge_views,
    mirror_coords,
)
from centergroup_mm.structures import Candidates, GroupingOutput

WIDTH = 20
FLIP = [0, 2, 1]


def find(maps):
    inside = torch.ones_like(maps[:, :1], dtype=torch.bool)
    return select_candidates(maps, inside, inside, 3, 6, 1.0, 2)


def second_view(candidates):
    return Candidates(
        candidates.coords[1:], candidates.scores[1:], candidates.valid[1:]
    )


def test_outermost_pixels_change_places():
    coords = torch.tensor([[0, 3], [WIDTH - 1, 3], [7, 0]])
    assert mirror_coords(coords, WIDTH).tolist() == [[19, 3], [0, 3], [12, 0]]


def test_mirroring_coordinates_is_an_involution():
    coords = torch.randint(0, WIDTH, (5, 4, 2))
    assert torch.equal(mirror_coords(mirror_coords(coords, WIDTH), WIDTH), coords)


def test_mirrored_maps_are_turned_back_and_their_types_swapped():
    original = torch.zeros(1, 3, 2, WIDTH)
    mirrored = torch.zeros(1, 3, 2, WIDTH)
    original[0, 1, 0, 4] = 0.5
    mirrored[0, 2, 0, WIDTH - 1 - 4] = 1.0
    average = average_flipped_maps(torch.cat((original, mirrored)), FLIP)
    assert average.nonzero().tolist() == [[0, 1, 0, 4]]
    assert average[0, 1, 0, 4] == 0.75


def test_average_of_the_mirrored_image_is_the_mirrored_average():
    maps = torch.randn(4, 3, 5, WIDTH)
    original, mirrored = maps.chunk(2)
    average = average_flipped_maps(maps, FLIP)
    other = average_flipped_maps(torch.cat((mirrored, original)), FLIP)
    assert torch.equal(other, average.flip(-1)[:, FLIP])


def test_mirrored_scene_has_mirrored_candidates():
    """What the flip test derives is what the maps of a mirrored scene would give."""
    maps = torch.randn(1, 3, 8, WIDTH, generator=torch.Generator().manual_seed(3))
    maps[:, :, 4, 6] = 9.0
    derived = second_view(add_mirrored_view(find(maps), FLIP, WIDTH))
    found = find(maps.flip(-1)[:, FLIP])
    assert found.valid.any(-1).all()
    assert torch.equal(derived.valid, found.valid)
    assert torch.equal(derived.coords[found.valid], found.coords[found.valid])
    assert torch.equal(derived.scores, found.scores)


def test_mirroring_twice_gives_the_candidates_back():
    candidates = find(torch.randn(1, 3, 8, WIDTH))
    there = second_view(add_mirrored_view(candidates, FLIP, WIDTH))
    back = second_view(add_mirrored_view(there, FLIP, WIDTH))
    for name in ('coords', 'scores', 'valid'):
        assert torch.equal(getattr(back, name), getattr(candidates, name))


def test_original_view_comes_first():
    candidates = find(torch.randn(2, 3, 8, WIDTH))
    views = add_mirrored_view(candidates, FLIP, WIDTH)
    assert len(views.coords) == len(views.scores) == len(views.valid) == 4
    assert torch.equal(views.coords[:2], candidates.coords)


class TestMergeViews:
    """One center, three types of which the last two are a pair, two candidates each."""

    original = torch.arange(18.0).view(1, 1, 3, 6)
    mirrored = 100 + original

    def merge(self, visibility, center=(0.0, 0.0), average=False):
        views = GroupingOutput(
            torch.cat((self.original, self.mirrored)),
            torch.tensor(visibility)[:, None],
            torch.tensor(center)[:, None],
        )
        return merge_views(views, FLIP, average)

    def test_rows_come_from_the_surer_view_in_the_original_frame(self):
        # Type 0: the original is surer. Type 1 is type 2 of the mirrored view: that is
        # surer. Type 2 against type 1 of the mirrored view is a tie: the original.
        merged = self.merge([[2.0, 0.0, 1.0], [1.0, 1.0, 3.0]])
        expected = self.original.clone()
        # Its columns too: the candidates of types 1 and 2 change places.
        expected[0, 0, 1] = self.mirrored[0, 0, 2, [0, 1, 4, 5, 2, 3]]
        assert torch.equal(merged.attention, expected)

    def test_logits_are_averaged_type_by_type(self):
        merged = self.merge([[0.0, 1.0, 2.0], [1.0, 2.0, -4.0]], (3.0, -1.0))
        assert merged.visibility[0, 0].tolist() == [0.5, -1.5, 2.0]
        assert merged.center.tolist() == [[1.0]]

    def test_average_is_in_the_original_frame(self):
        merged = self.merge([[2.0, 0.0, 1.0], [1.0, 1.0, 3.0]], average=True)
        # The mirrored view looks for the original's type 1 with row 2.
        expected = self.mirrored[0, 0, 2, [0, 1, 4, 5, 2, 3]] + self.original[0, 0, 1]
        assert torch.equal(merged.attention[0, 0, 1], expected / 2)

    @pytest.mark.parametrize('average', [False, True])
    def test_exchanging_the_views_mirrors_the_result(self, average):
        views = random_views()
        merged = merge_views(views, FLIP, average)
        rolled = GroupingOutput(*(part.roll(2, 0) for part in views))
        other = merge_views(rolled, FLIP, average)
        torch.testing.assert_close(mirror_attention(other.attention), merged.attention)
        torch.testing.assert_close(other.visibility[..., FLIP], merged.visibility)
        torch.testing.assert_close(other.center, merged.center)
        torch.testing.assert_close(merged.attention.sum(-1), torch.ones(2, 5, 3))

    @pytest.mark.parametrize('average', [False, True])
    def test_views_that_agree_choose_what_each_of_them_would(self, average):
        views = random_views()
        attention = views.attention[:2]
        both = torch.cat((attention, mirror_attention(attention)))
        merged = merge_views(views._replace(attention=both), FLIP, average)
        torch.testing.assert_close(merged.attention, attention)


def random_views():
    """Two images in both views, five centers, three types of two candidates."""
    attention = torch.randn(4, 5, 3, 6).softmax(-1)
    return GroupingOutput(attention, torch.randn(4, 5, 3), torch.randn(4, 5))


def mirror_attention(attention):
    by_type = attention.unflatten(-1, (3, 2))
    return by_type[:, :, FLIP][:, :, :, FLIP].flatten(-2)
