# SPDX-License-Identifier: Apache-2.0
"""From attention to poses: locations, refinement, scores."""

import pytest
import torch

from centergroup_mm.ops.poses import (
    expected_locations,
    most_attended_locations,
    pose_scores,
    refine_locations,
    unclaimed_shares,
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


class TestUnclaimedShares:
    """Four keypoints each, of a visibility of 1 where nothing else is said."""

    def shares(self, keypoints, scores, visibility=None, valid=None):
        """Of poses [[x of each keypoint, ...], ...] of one image."""
        coords = torch.tensor(keypoints)[None, ..., None].expand(-1, -1, -1, 2)
        if visibility is None:
            visibility = [[1.0] * 4] * len(keypoints)
        if valid is None:
            valid = [True] * len(keypoints)
        shares = unclaimed_shares(
            coords,
            torch.tensor([visibility]),
            torch.tensor([scores]),
            torch.tensor([valid]),
        )
        return pytest.approx(shares[0].tolist())

    def test_the_better_one_claims_wherever_it_is(self):
        mostly = [[1, 2, 3, 4], [1, 2, 3, 9]]
        assert self.shares(mostly, [0.9, 0.8]) == [1, 0.25]
        assert self.shares(mostly, [0.8, 0.9]) == [0.25, 1]
        assert self.shares(mostly, [0.8, 0.8]) == [1, 0.25]

    def test_a_copy_has_nothing_of_its_own(self):
        assert self.shares([[1, 2, 3, 4]] * 3, [0.7, 0.9, 0.8]) == [0, 1, 0]

    def test_all_better_poses_claim_together(self):
        poses = [[1, 2, 3, 4], [5, 6, 7, 8], [1, 6, 9, 9]]
        assert self.shares(poses, [0.9, 0.8, 0.7]) == [1, 1, 0.5]

    def test_places_count_by_their_type(self):
        assert self.shares([[1, 2, 3, 4], [4, 3, 2, 1]], [0.9, 0.8]) == [1, 1]

    def test_a_keypoint_counts_as_much_as_it_is_visible(self):
        half = [[1, 2, 3, 4], [1, 2, 8, 9]]
        visibility = [[0.1] * 4, [0.9, 0.7, 0.3, 0.1]]
        assert self.shares(half, [0.9, 0.8], visibility) == [1, 0.2]

    def test_a_pose_without_visible_keypoints_is_no_division_by_zero(self):
        nothing = [[1.0] * 4, [0.0] * 4]
        assert self.shares([[1, 2, 3, 4]] * 2, [0.9, 0.8], nothing) == [1, 0]

    def test_an_empty_slot_claims_nothing(self):
        same = [[1, 2, 3, 4]] * 2
        assert self.shares(same, [0.9, 0.8], valid=[False, True]) == [1, 1]

    def test_images_do_not_mix(self):
        coords = torch.ones(2, 1, 4, 2, dtype=torch.long)
        ones = torch.ones(2, 1)
        assert (
            unclaimed_shares(coords, torch.ones(2, 1, 4), ones, ones > 0) == 1
        ).all()

    @pytest.mark.parametrize('seed', range(5))
    def test_no_keypoint_counts_for_two_poses_and_order_does_not_matter(self, seed):
        generator = torch.Generator().manual_seed(seed)
        coords = torch.randint(0, 2, (3, 8, 4, 2), generator=generator)
        visibility = torch.rand(3, 8, 4, generator=generator)
        scores = torch.rand(3, 8, generator=generator)
        valid = torch.rand(3, 8, generator=generator) > 0.2
        fields = (coords, visibility, scores, valid)
        shares = unclaimed_shares(*fields)
        for image in range(3):
            counted = set()
            for pose in scores[image].argsort(descending=True):
                own = [(k, *xy) for k, xy in enumerate(coords[image, pose].tolist())]
                new = [place not in counted for place in own]
                weights = visibility[image, pose]
                expected = (weights * torch.tensor(new)).sum() / weights.sum()
                torch.testing.assert_close(shares[image, pose], expected)
                if valid[image, pose]:
                    counted.update(own)
        order = torch.randperm(8, generator=generator)
        again = unclaimed_shares(*(field[:, order] for field in fields))
        torch.testing.assert_close(again, shares[:, order])
