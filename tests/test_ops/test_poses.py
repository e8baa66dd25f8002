# SPDX-License-Identifier: Apache-2.0
"""From attention to poses: locations, refinement, scores."""

import pytest
import torch

from centergroup_mm.ops.poses import (
    distinct_poses,
    expected_locations,
    most_attended_locations,
    pose_scores,
    product_scores,
    refine_locations,
)

# Large coordinates, which half precision would round.
COORDS = torch.tensor([[[1001, 2], [3, 999], [517, 518]]])


def logit(probability):
    return torch.logit(torch.tensor(probability, dtype=torch.float32), eps=1e-6)


class TestLocations:
    attention = torch.tensor([[[[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]]])

    def test_expected_location_is_the_weighted_mean(self):
        locations = expected_locations(self.attention, COORDS)
        assert locations.dtype == torch.float32
        torch.testing.assert_close(
            locations, torch.tensor([[[[630.5, 380.25], [3.0, 999.0]]]])
        )

    def test_expected_location_survives_half_precision(self):
        with torch.autocast('cpu', torch.bfloat16):
            locations = expected_locations(self.attention.bfloat16(), COORDS)
        assert locations.dtype == torch.float32
        torch.testing.assert_close(
            locations, expected_locations(self.attention, COORDS), rtol=0, atol=0
        )

    def test_expected_location_passes_gradients_to_the_attention(self):
        attention = self.attention.clone().requires_grad_()
        expected_locations(attention, COORDS)[..., 0].sum().backward()
        torch.testing.assert_close(
            attention.grad, COORDS[..., 0].float().expand(1, 1, 2, 3)
        )

    def test_most_attended_is_a_candidate_itself(self):
        locations = most_attended_locations(self.attention, COORDS)
        assert locations.tolist() == [[[[1001, 2], [3, 999]]]]
        assert locations.dtype == COORDS.dtype

    def test_most_attended_is_looked_up_within_its_image(self):
        attention = torch.eye(3).view(1, 3, 1, 3).repeat(2, 1, 1, 1)
        coords = torch.arange(12).view(2, 3, 2)
        locations = most_attended_locations(attention, coords)
        assert torch.equal(locations[:, :, 0], coords)


class TestRefinement:
    @staticmethod
    def refine(maps, *points):
        """Refine points of one type in a map (h, w)."""
        coords = torch.tensor(points).view(1, -1, 1, 2)
        return refine_locations(maps[None, None], coords)[0, :, 0].tolist()

    def test_shifts_towards_the_higher_neighbor(self):
        maps = torch.zeros(5, 5)
        maps[2, 3] = maps[1, 2] = 1.0
        assert self.refine(maps, (2, 2)) == [[2.75, 2.25]]

    def test_equal_neighbors_shift_to_the_left_and_up(self):
        assert self.refine(torch.ones(5, 5), (2, 2)) == [[2.25, 2.25]]

    def test_border_pixel_is_its_own_neighbor(self):
        """A slope that falls away from every border."""
        distance = torch.tensor([3.0, 2.0, 1.0, 2.0, 3.0])
        maps = distance[:, None] + distance
        assert self.refine(maps, (0, 0), (4, 4)) == [[0.25, 0.25], [4.75, 4.75]]
        rising = torch.arange(5.0).expand(5, 5)
        assert self.refine(rising, (0, 0), (4, 4)) == [[0.75, 0.25], [4.75, 4.25]]

    def test_reads_the_map_of_the_output_type(self):
        rising = torch.arange(5.0).expand(5, 5)
        maps = torch.stack((rising, -rising))[None]
        coords = torch.full((1, 1, 2, 2), 2)
        refined = refine_locations(maps, coords)
        assert refined[0, 0].tolist() == [[2.75, 2.25], [2.25, 2.25]]
        assert refined.dtype == torch.float32

    def test_agrees_with_a_loop(self):
        maps = torch.randn(2, 3, 6, 9, generator=torch.Generator().manual_seed(0))
        coords = torch.stack(
            (torch.randint(0, 9, (2, 20, 3)), torch.randint(0, 6, (2, 20, 3))), -1
        )
        refined = refine_locations(maps, coords)
        for b in range(2):
            for p in range(20):
                for k in range(3):
                    x, y = coords[b, p, k].tolist()
                    row, column = maps[b, k, y], maps[b, k, :, x]
                    dx = 0.25 if row[min(x + 1, 8)] > row[max(x - 1, 0)] else -0.25
                    dy = (
                        0.25 if column[min(y + 1, 5)] > column[max(y - 1, 0)] else -0.25
                    )
                    expected = [x + dx + 0.5, y + dy + 0.5]
                    assert refined[b, p, k].tolist() == expected


class TestScores:
    visibility = logit([[[0.9, 0.6, 0.4, 0.2]]])

    @staticmethod
    def score(center, visibility, min_keypoints=0):
        return pose_scores(logit([[center]]), visibility, min_keypoints).item()

    def test_person_scores_the_mean_of_its_visible_keypoints(self):
        assert self.score(0.8, self.visibility) == pytest.approx(0.75)

    def test_other_center_scores_its_own_probability(self):
        assert self.score(0.3, self.visibility) == pytest.approx(0.3)
        assert self.score(0.3, self.visibility, 3) == pytest.approx(0.3)

    def test_person_without_visible_keypoint_scores_zero(self):
        assert self.score(0.9, logit([[[0.4, 0.1]]])) == 0

    def test_even_odds_count_as_a_person_and_as_visible(self):
        visibility = torch.tensor([[[0.0, logit(0.9), -1.0]]])
        scores = pose_scores(torch.zeros(1, 1), visibility)
        assert scores.item() == pytest.approx((0.5 + 0.9) / 2)

    def test_released_counts_the_best_keypoints_whatever_they_say(self):
        expected = (0.9 + 0.6 + 0.4) / 3
        assert self.score(0.8, self.visibility, 3) == pytest.approx(expected)

    def test_released_counts_all_visible_keypoints_beyond_the_best(self):
        assert self.score(0.8, self.visibility, 1) == pytest.approx(0.75)

    def test_released_counts_ties(self):
        visibility = logit([[[0.4, 0.3, 0.3, 0.1]]])
        assert self.score(0.8, visibility, 2) == pytest.approx(1.0 / 3)

    def test_fewer_types_than_keypoints_that_count(self):
        assert self.score(0.8, self.visibility, 5) == pytest.approx(2.1 / 4)

    def test_scores_are_probabilities_of_each_center(self):
        center, visibility = torch.randn(2, 7) * 5, torch.randn(2, 7, 4) * 5
        for count in (0, 5):
            scores = pose_scores(center, visibility, count)
            assert scores.shape == (2, 7)
            assert ((scores >= 0) & (scores <= 1)).all()

    def test_product_falls_with_each_keypoint_and_with_the_center(self):
        scores = product_scores(logit([[0.8, 0.4]]), logit([[[0.9, 0.5], [0.9, 0.5]]]))
        torch.testing.assert_close(scores, torch.tensor([[0.56, 0.28]]))


class TestDistinctPoses:
    """Four keypoints each; of those that count more than half is too much in common."""

    share = 0.5

    def keep(self, keypoints, scores, visibility=None, valid=None, share=None):
        """Of poses [[x of each keypoint, ...], ...] of one image."""
        coords = torch.tensor(keypoints)[None, ..., None].expand(-1, -1, -1, 2)
        visibility = (
            torch.ones(coords.shape[:3])
            if visibility is None
            else (torch.tensor(visibility)[None])
        )
        valid = (
            torch.ones(coords.shape[:2], dtype=torch.bool)
            if valid is None
            else (torch.tensor(valid)[None])
        )
        return distinct_poses(
            coords, visibility, torch.tensor([scores]), valid, share or self.share
        )[0].tolist()

    def test_the_better_one_stays_wherever_it_is(self):
        same = [[1, 2, 3, 4], [1, 2, 3, 9]]
        assert self.keep(same, [0.9, 0.8]) == [True, False]
        assert self.keep(same, [0.8, 0.9]) == [False, True]
        assert self.keep(same, [0.8, 0.8]) == [True, False]

    def test_exactly_the_share_is_not_too_much(self):
        assert self.keep([[1, 2, 3, 4], [1, 2, 8, 9]], [0.9, 0.8]) == [True, True]
        three_of_four = [[1, 2, 3, 4], [1, 2, 3, 9]]
        assert self.keep(three_of_four, [0.9, 0.8], share=0.75) == [True, True]
        assert self.keep(three_of_four, [0.9, 0.8], share=0.7) == [True, False]

    def test_places_count_by_their_type(self):
        assert self.keep([[1, 2, 3, 4], [4, 3, 2, 1]], [0.9, 0.8]) == [True, True]

    def test_only_likely_keypoints_of_the_worse_pose_count(self):
        half = [[1, 2, 3, 4], [1, 2, 8, 9]]
        unlikely = [[0.9] * 4, [0.9, 0.9, 0.1, 0.1]]
        # Of its two likely keypoints both are in common, of the other's four only two.
        assert self.keep(half, [0.9, 0.8], unlikely) == [True, False]
        assert self.keep(half, [0.8, 0.9], unlikely) == [True, True]

    def test_a_pose_without_likely_keypoints_has_nothing_in_common(self):
        nothing = [[0.9] * 4, [0.1] * 4]
        assert self.keep([[1, 2, 3, 4]] * 2, [0.9, 0.8], nothing) == [True, True]

    def test_an_empty_slot_drops_nobody_and_stays_empty(self):
        same = [[1, 2, 3, 4]] * 2
        assert self.keep(same, [0.9, 0.8], valid=[False, True]) == [False, True]

    def test_images_do_not_mix(self):
        coords = torch.ones(2, 1, 4, 2, dtype=torch.long)
        ones = torch.ones(2, 1)
        kept = distinct_poses(coords, torch.ones(2, 1, 4), ones, ones > 0, 0.5)
        assert kept.all()

    @pytest.mark.parametrize('seed', range(5))
    def test_what_is_dropped_has_a_better_one_and_order_does_not_matter(self, seed):
        generator = torch.Generator().manual_seed(seed)
        coords = torch.randint(0, 2, (3, 8, 4, 2), generator=generator)
        visibility = torch.rand(3, 8, 4, generator=generator)
        scores = torch.rand(3, 8, generator=generator)
        valid = torch.rand(3, 8, generator=generator) > 0.2
        kept = distinct_poses(coords, visibility, scores, valid, self.share)
        assert (kept <= valid).all() and kept.sum() < valid.sum()
        best = torch.where(valid, scores, -1).argmax(1)
        assert kept[torch.arange(3), best].all()
        order = torch.randperm(8, generator=generator)
        fields = (coords, visibility, scores, valid)
        again = distinct_poses(*(f[:, order] for f in fields), self.share)
        assert torch.equal(again, kept[:, order])
