# SPDX-License-Identifier: Apache-2.0
"""Which detected center stands for which annotated person (supplementary 2)."""

from abc import ABCMeta, abstractmethod

import numpy as np
import torch
from mmpose.registry import TASK_UTILS
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..ops.similarity import object_similarity


class CenterAssigner(metaclass=ABCMeta):
    """One-to-one matching of detected centers and annotated persons within an image.

    The cost of a pair is 1 - exp(-d^2 / (2 s k^2)) with s = 0.53 box area.

    Args:
        deviation (float): k.
        max_cost (float): Costs beyond are forbidden.
    """

    def __init__(self, deviation: float, max_cost: float) -> None:
        self.deviation = deviation
        self.max_cost = max_cost

    @torch.no_grad()
    def assign(
        self,
        centers: Tensor,
        valid: Tensor,
        gt_centers: Tensor,
        gt_box_areas: Tensor,
        gt_valid: Tensor,
    ) -> Tensor:
        """Match a batch; the costs leave the device once, together.

        Args:
            centers (Tensor): (B, P, 2), detected, in input pixels.
            valid (Tensor): bool (B, P), slots that hold a detection.
            gt_centers (Tensor): (B, G, 2), in input pixels.
            gt_box_areas (Tensor): (B, G), in input px^2.
            gt_valid (Tensor): bool (B, G), slots that hold a person.

        Returns:
            Tensor: int64 (B, P), index of the person or -1, on the device of
            ``centers``.
        """
        similarity = object_similarity(
            centers[:, :, None].float(),
            gt_centers[:, None].float(),
            gt_box_areas[:, None].float(),
            self.deviation,
        )
        possible = valid[:, :, None] & gt_valid[:, None]
        costs = torch.where(possible, 1 - similarity, torch.inf).cpu().numpy()
        matches = np.full(costs.shape[:2], -1, dtype=np.int64)
        for match, cost in zip(matches, costs, strict=True):
            center_index, person_index = self._solve(cost, self._allowed(cost))
            match[center_index] = person_index
        return torch.from_numpy(matches).to(centers.device)

    @abstractmethod
    def _allowed(self, cost: np.ndarray) -> np.ndarray:
        """Which pairs may be matched, bool (P, G)."""

    @abstractmethod
    def _solve(
        self, cost: np.ndarray, allowed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the matched centers and of their persons."""


@TASK_UTILS.register_module()
class HungarianCenterAssigner(CenterAssigner):
    """The most pairs, and among those the smallest total cost (the paper).

    The paper writes its similarity threshold the wrong way round: read literally it
    forbids the good pairs. Costs of ``max_cost`` and more are forbidden here.

    Args:
        deviation (float): k. Defaults to 0.15.
        max_cost (float): First forbidden cost. Defaults to 0.5.
    """

    def __init__(self, deviation: float = 0.15, max_cost: float = 0.5) -> None:
        super().__init__(deviation, max_cost)

    def _allowed(self, cost):
        return cost < self.max_cost

    def _solve(self, cost, allowed):
        # A finite stand-in for infinity: the solver rejects matrices without a
        # complete finite matching. Larger than any sum of allowed costs, it is only
        # ever taken where nothing else is left, and dropped afterwards.
        forbidden = 1.0 + min(cost.shape) * self.max_cost
        rows, columns = linear_sum_assignment(np.where(allowed, cost, forbidden))
        kept = allowed[rows, columns]
        return rows[kept], columns[kept]


@TASK_UTILS.register_module()
class GreedyCenterAssigner(CenterAssigner):
    """Cheapest pair first (the released models).

    Args:
        deviation (float): k. Defaults to 0.3.
        max_cost (float): Last allowed cost. Defaults to 0.8.
    """

    def __init__(self, deviation: float = 0.3, max_cost: float = 0.8) -> None:
        super().__init__(deviation, max_cost)

    def _allowed(self, cost):
        return cost <= self.max_cost

    def _solve(self, cost, allowed):
        left = np.where(allowed, cost, np.inf)
        rows, columns = [], []
        for _ in range(min(cost.shape)):
            row, column = divmod(int(left.argmin()), left.shape[1])
            if left[row, column] == np.inf:
                break
            rows.append(row)
            columns.append(column)
            left[row], left[:, column] = np.inf, np.inf
        return np.array(rows, int), np.array(columns, int)
