# SPDX-License-Identifier: Apache-2.0
"""The mirrored view: going there and back changes nothing."""

import torch

from centergroup_mm.ops.candidates import select_candidates
from centergroup_mm.ops.flip import (
    add_mirrored_view,
    average_flipped_maps,
    merge_views,
    mirror_coords,
)
from centergroup_mm.structures import Candidates

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
    """One image, one center, three types of which the last two are a pair."""

    original = torch.tensor([[[[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]]]])
    mirrored = torch.tensor([[[[10.0, 8.0], [11.0, 9.0], [12.0, 4.0]]]])

    def merge(self, visibility, mirrored_visibility, center=0.0, mirrored_center=0.0):
        return merge_views(
            torch.cat((self.original, self.mirrored)),
            torch.tensor([[visibility], [mirrored_visibility]]),
            torch.tensor([[center], [mirrored_center]]),
            FLIP,
            WIDTH,
        )

    def test_surer_view_gives_the_location(self):
        # In its own types the mirrored view is surer of 0 and of 2, which is 1 here.
        coords, _, _ = self.merge([0.0, 1.0, 2.0], [1.0, 1.5, 3.0])
        assert coords[0, 0].tolist() == [[9, 8], [7, 4], [3, 7]]

    def test_a_tie_goes_to_the_original(self):
        coords, _, _ = self.merge([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
        assert torch.equal(coords, self.original)

    def test_logits_are_averaged_type_by_type(self):
        _, visibility, center = self.merge([0.0, 1.0, 2.0], [1.0, 2.0, -4.0], 3.0, -1.0)
        assert visibility[0, 0].tolist() == [0.5, -1.5, 2.0]
        assert center.tolist() == [[1.0]]

    def test_exchanging_the_views_mirrors_the_result(self):
        coords = torch.rand(4, 6, 3, 2) * WIDTH
        visibility, center = torch.randn(4, 6, 3), torch.randn(4, 6)
        merged = merge_views(coords, visibility, center, FLIP, WIDTH)
        other = merge_views(
            coords.roll(2, 0), visibility.roll(2, 0), center.roll(2, 0), FLIP, WIDTH
        )
        torch.testing.assert_close(
            mirror_coords(other[0], WIDTH)[:, :, FLIP], merged[0]
        )
        torch.testing.assert_close(other[1][..., FLIP], merged[1])
        torch.testing.assert_close(other[2], merged[2])
