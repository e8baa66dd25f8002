# SPDX-License-Identifier: Apache-2.0
"""Matching of centers and persons, against exhaustive search."""

from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from mmpose.registry import TASK_UTILS

from centergroup_mm.task_modules import GreedyCenterAssigner, HungarianCenterAssigner

ASSIGNERS = [HungarianCenterAssigner(), GreedyCenterAssigner()]
both = pytest.mark.parametrize('assigner', ASSIGNERS, ids=['hungarian', 'greedy'])


def random_case(rng, num_centers, num_persons):
    """Centers, person centers and box areas, near enough for every kind of cost."""
    centers = rng.integers(0, 24, (num_centers, 2))
    gt_centers = rng.uniform(0, 24, (num_persons, 2))
    gt_box_areas = rng.uniform(500, 15000, num_persons)
    return (
        torch.from_numpy(centers),
        torch.from_numpy(gt_centers).float(),
        torch.from_numpy(gt_box_areas).float(),
    )


def assign(assigner, centers, gt_centers, gt_box_areas):
    """Match one image whose slots are all taken."""
    matches = assigner.assign(
        centers[None],
        torch.ones(1, len(centers), dtype=torch.bool),
        gt_centers[None],
        gt_box_areas[None],
        torch.ones(1, len(gt_centers), dtype=torch.bool),
    )
    assert matches.shape == (1, len(centers))
    assert matches.dtype == torch.int64
    return matches[0].tolist()


def cost_matrix(centers, gt_centers, gt_box_areas, deviation):
    """Costs of all pairs, float64 (P, G)."""
    centers, gt_centers = centers.double().numpy(), gt_centers.double().numpy()
    costs = np.empty((len(centers), len(gt_centers)))
    for i, center in enumerate(centers):
        for j, person in enumerate(gt_centers):
            squared = ((center - person) ** 2).sum()
            scale = 0.53 * gt_box_areas[j].item()
            costs[i, j] = 1 - np.exp(-squared / (2 * scale * deviation**2))
    return costs


def pairs_of(matches):
    pairs = [(i, j) for i, j in enumerate(matches) if j >= 0]
    persons = [j for _, j in pairs]
    assert len(set(persons)) == len(persons), 'a person is matched twice'
    return pairs


def best_by_exhaustion(costs, max_cost):
    """Most allowed pairs and the least total cost of so many, over all matchings."""
    num_centers, num_persons = costs.shape
    best = (0, 0.0)
    for size in range(1, min(costs.shape) + 1):
        for chosen in combinations(range(num_centers), size):
            for persons in permutations(range(num_persons), size):
                pairs = [costs[pair] for pair in zip(chosen, persons, strict=True)]
                if all(cost < max_cost for cost in pairs):
                    best = min(best, (-size, sum(pairs)))
    return -best[0], best[1]


@pytest.mark.parametrize('max_cost', [0.5, 0.15, 1.1])
@pytest.mark.parametrize('shape', [(1, 1), (3, 3), (4, 2), (2, 4), (5, 4)])
def test_hungarian_agrees_with_exhaustive_search(shape, max_cost):
    rng = np.random.default_rng(shape[0])
    assigner = HungarianCenterAssigner(max_cost=max_cost)
    counts = []
    for _ in range(30 if max(shape) < 5 else 8):
        case = random_case(rng, *shape)
        costs = cost_matrix(*case, deviation=0.15)
        pairs = pairs_of(assign(assigner, *case))
        assert all(costs[pair] < max_cost for pair in pairs), 'a forbidden pair'
        count, total = best_by_exhaustion(costs, max_cost)
        assert len(pairs) == count
        assert sum(costs[pair] for pair in pairs) == pytest.approx(total, abs=1e-4)
        counts.append(count)
    if max_cost == 1.1:
        assert set(counts) == {min(shape)}, 'nothing is forbidden'
    elif shape != (1, 1):
        assert len(set(counts)) > 1, 'the cases are all alike'


def test_greedy_agrees_with_a_loop():
    rng = np.random.default_rng(0)
    for _ in range(60):
        case = random_case(rng, *rng.integers(1, 6, 2))
        costs = cost_matrix(*case, deviation=0.3)
        expected = []
        remaining = costs.copy()
        while remaining.size and remaining.min() <= 0.8:
            pair = np.unravel_index(remaining.argmin(), remaining.shape)
            expected.append(tuple(int(n) for n in pair))
            remaining[pair[0]] = remaining[:, pair[1]] = np.inf
        assert pairs_of(assign(GreedyCenterAssigner(), *case)) == sorted(expected)


def test_hungarian_gives_up_the_best_pair_where_greedy_takes_it():
    """Center 0 is nearest to person 0, but only it can reach person 1."""
    centers = torch.tensor([[10, 0], [3, 0]])
    gt_centers = torch.tensor([[9.0, 0.0], [16.0, 0.0]])
    areas = torch.full((2,), 2000.0)
    hungarian = HungarianCenterAssigner(deviation=0.15, max_cost=0.6)
    greedy = GreedyCenterAssigner(deviation=0.15, max_cost=0.6)
    assert assign(hungarian, centers, gt_centers, areas) == [1, 0]
    assert assign(greedy, centers, gt_centers, areas) == [0, -1]


def test_more_pairs_come_before_a_smaller_cost():
    """One perfect pair and nothing, or two poor ones: the two."""
    centers = torch.tensor([[0, 0], [-10, 0]])
    gt_centers = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    areas = torch.full((2,), 7000.0)
    costs = cost_matrix(centers, gt_centers, areas, 0.15)
    assert costs[0, 1] == costs[1, 0] == pytest.approx(0.45, abs=0.02)
    assert costs[0, 0] == 0
    assert costs[1, 1] > 0.5
    assert assign(HungarianCenterAssigner(), centers, gt_centers, areas) == [1, 0]
    assert assign(GreedyCenterAssigner(0.15, 0.5), centers, gt_centers, areas) == [
        0,
        -1,
    ]


@both
def test_forbidden_pairs_stay_unmatched(assigner):
    centers = torch.tensor([[0, 0], [50, 50], [100, 0]])
    gt_centers = torch.tensor([[200.0, 200.0], [101.0, 0.0]])
    areas = torch.full((2,), 2500.0)
    assert assign(assigner, centers, gt_centers, areas) == [-1, -1, 1]


@both
@pytest.mark.parametrize('shape', [(0, 3), (3, 0), (0, 0)])
def test_no_detections_or_no_people(assigner, shape):
    case = random_case(np.random.default_rng(0), *shape)
    assert assign(assigner, *case) == [-1] * shape[0]


@both
def test_more_people_than_detections(assigner):
    gt_centers = torch.arange(10.0)[:, None] * torch.tensor([20.0, 0.0])
    centers = gt_centers[[7, 2]].long()
    assert assign(assigner, centers, gt_centers, torch.full((10,), 900.0)) == [7, 2]


@both
def test_degenerate_boxes(assigner):
    """A box without area can be hit only by a center on the spot."""
    centers = torch.tensor([[5, 5], [9, 5]])
    gt_centers = torch.tensor([[5.0, 5.0], [9.0, 8.0]])
    assert assign(assigner, centers, gt_centers, torch.zeros(2)) == [0, -1]


@both
def test_costs_at_the_limit(assigner):
    """The paper forbids the limit itself, the released models allow it."""
    strict = isinstance(assigner, HungarianCenterAssigner)
    limited = type(assigner)(deviation=0.15, max_cost=0.0)
    case = torch.tensor([[5, 5]]), torch.tensor([[5.0, 5.0]]), torch.tensor([900.0])
    assert assign(limited, *case) == [-1 if strict else 0]


@both
def test_whole_batch_equals_single_images(assigner):
    rng = np.random.default_rng(2)
    shapes = [(4, 3), (2, 5), (0, 2), (6, 0), (6, 5)]
    cases = [random_case(rng, *shape) for shape in shapes]
    # Empty slots hold what would match best if it counted.
    centers = torch.zeros(len(shapes), 6, 2, dtype=torch.long)
    gt_centers = torch.zeros(len(shapes), 5, 2)
    areas = torch.full((len(shapes), 5), 1e6)
    valid = torch.zeros(len(shapes), 6, dtype=torch.bool)
    gt_valid = torch.zeros(len(shapes), 5, dtype=torch.bool)
    for b, (case, (p, g)) in enumerate(zip(cases, shapes, strict=True)):
        centers[b, :p], gt_centers[b, :g], areas[b, :g] = case
        valid[b, :p] = gt_valid[b, :g] = True
    matches = assigner.assign(centers, valid, gt_centers, areas, gt_valid)
    for b, (case, (p, _)) in enumerate(zip(cases, shapes, strict=True)):
        assert matches[b].tolist() == assign(assigner, *case) + [-1] * (6 - p)
    assert (matches >= 0).any()


@both
def test_invalid_slots_in_between_are_skipped(assigner):
    centers = torch.tensor([[[10, 10], [10, 10], [90, 90]]])
    valid = torch.tensor([[False, True, True]])
    gt_centers = torch.tensor([[[90.0, 90.0], [10.0, 10.0], [90.0, 90.0]]])
    gt_valid = torch.tensor([[False, True, True]])
    areas = torch.full((1, 3), 900.0)
    matches = assigner.assign(centers, valid, gt_centers, areas, gt_valid)
    assert matches.tolist() == [[-1, 1, 2]]


@pytest.mark.parametrize(
    ('name', 'deviation', 'max_cost'),
    [('HungarianCenterAssigner', 0.15, 0.5), ('GreedyCenterAssigner', 0.3, 0.8)],
)
def test_defaults_are_those_of_the_variant(name, deviation, max_cost):
    assigner = TASK_UTILS.build(dict(type=name))
    assert (assigner.deviation, assigner.max_cost) == (deviation, max_cost)
