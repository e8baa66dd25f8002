# SPDX-License-Identifier: Apache-2.0
"""Errors of a method over all images of an annotation file."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...coco.crowding import CROWD_LEVELS, SIZE_BORDERS, area_levels, crowd_level
from ...coco.poses import Poses
from ...coco.truth import Truth
from .counts import ErrorCounts, count_errors
from .errors import ImageErrors, find_errors
from .matching import Matches, PoseFate, match_poses


@dataclass(frozen=True)
class ErrorAnalysis:
    """Errors in every image.

    Attributes:
        images (list[ImageErrors]): In the order of the annotation file.
        threshold (float): OKS from which a person is found.
        pose_threshold (float): Poses scoring less were left out.
        keypoint_threshold (float): Keypoints scoring less count as not reported.
    """

    images: list[ImageErrors]
    threshold: float
    pose_threshold: float
    keypoint_threshold: float

    def counts(self) -> ErrorCounts:
        """Sum over all images."""
        return _sum(count_errors(image, self.threshold) for image in self.images)

    def counts_by_crowd_level(self) -> dict[str, ErrorCounts]:
        """Sums over easy, medium and hard images; needs ``crowdIndex``."""
        totals = dict.fromkeys(CROWD_LEVELS, ErrorCounts())
        for image in self.images:
            totals[crowd_level(image.image)] += count_errors(image, self.threshold)
        return totals

    def counts_by_area(
        self, borders: Sequence[float] = SIZE_BORDERS
    ) -> list[ErrorCounts]:
        """Sums over persons between rising borders in px^2, smallest persons first.

        The default borders are COCO's of small, medium and large. Background and
        ignored poses, which are nobody's, are not in them.
        """
        return [
            _sum(
                count_errors(
                    image,
                    self.threshold,
                    area_levels(image.image.areas, borders) == level,
                )
                for image in self.images
            )
            for level in range(len(borders) + 1)
        ]


def analyze_errors(
    truth: Truth,
    poses: Mapping[int, Poses],
    sigmas: np.ndarray,
    flip_indices: np.ndarray,
    reported_share: float = 0.9,
    threshold: float = 0.5,
    low_threshold: float = 0.1,
    pose_threshold: float = -np.inf,
) -> ErrorAnalysis:
    """Match the poses of all images and classify their errors.

    Args:
        truth (Truth): The annotations.
        poses (Mapping[int, Poses]): By image id; an image may be absent.
        sigmas (np.ndarray): (K,) of the dataset's metainfo.
        flip_indices (np.ndarray): (K,) of the dataset's metainfo.
        reported_share (float): See :func:`keypoint_threshold`. Defaults to 0.9.
        threshold (float): See :func:`match_poses`. Defaults to 0.5.
        low_threshold (float): See :func:`match_poses`. Defaults to 0.1.
        pose_threshold (float): Poses scoring less are left out. To compare methods
            take each one's :func:`best_pose_threshold`. Defaults to none.

    Returns:
        ErrorAnalysis: The errors.

    Raises:
        ValueError: If there are poses of an image that is not in ``truth``.
    """
    poses = _poses_of_all(truth, poses)
    matches = {
        image_id: match_poses(
            image, poses[image_id], sigmas, threshold, low_threshold, pose_threshold
        )
        for image_id, image in truth.images.items()
    }
    least = keypoint_threshold(truth, poses, matches, reported_share)
    images = [
        find_errors(
            image, poses[image_id], matches[image_id], sigmas, flip_indices, least
        )
        for image_id, image in truth.images.items()
    ]
    return ErrorAnalysis(images, threshold, pose_threshold, least)


def keypoint_threshold(
    truth: Truth,
    poses: Mapping[int, Poses],
    matches: Mapping[int, Matches],
    share: float = 0.9,
) -> float:
    """Score from which a method's keypoints count as reported.

    Scores of methods differ in scale. This is the highest score that at least ``share``
    of the labeled keypoints of matched persons reach, so that methods are compared
    where they report equally much of what there is.

    Returns:
        float: The score; infinite, so that nothing is reported, if no labeled
        keypoint belongs to a matched person.

    Raises:
        ValueError: If ``share`` is not within 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f'share is {share}; expected 0 to 1')
    scores = [np.zeros(0)]
    for image_id, match in matches.items():
        found = np.flatnonzero(match.pose_of_person >= 0)
        reported = poses[image_id].keypoint_scores[match.pose_of_person[found]]
        scores.append(reported[truth.images[image_id].labeled[found]])
    scores = np.concatenate(scores)
    if not len(scores):
        return float('inf')
    # Rounded first, for 0.7 of 10 is a little more than 7 in floating point.
    reached = max(1, math.ceil(round(share * len(scores), 6)))
    return float(np.sort(scores)[-reached])


def best_pose_threshold(
    truth: Truth,
    poses: Mapping[int, Poses],
    sigmas: np.ndarray,
    threshold: float = 0.5,
) -> float:
    """Pose score of the highest F-measure, the best operating point of a method.

    Poses matched with an OKS of at least ``threshold`` are right, duplicates and
    background wrong, those in ignore regions neither.

    Returns:
        float: The score; minus infinity if no pose is right.
    """
    poses = _poses_of_all(truth, poses)
    scores, right = [np.zeros(0)], [np.zeros(0, dtype=bool)]
    for image_id, image in truth.images.items():
        match = match_poses(image, poses[image_id], sigmas, threshold, threshold)
        counted = match.fates < PoseFate.IGNORED
        scores.append(poses[image_id].scores[counted])
        right.append(match.fates[counted] == PoseFate.MATCHED)
    scores, right = np.concatenate(scores), np.concatenate(right)
    if not right.any():
        return float('-inf')
    levels, inverse = np.unique(-scores, return_inverse=True)
    total = np.bincount(inverse).cumsum()
    true = np.bincount(inverse, weights=right).cumsum()
    persons = sum(len(image) for image in truth.images.values())
    return float(-levels[np.argmax(2 * true / (total + persons))])


def _poses_of_all(truth: Truth, poses: Mapping[int, Poses]) -> dict[int, Poses]:
    unknown = [image_id for image_id in poses if image_id not in truth.images]
    if unknown:
        raise ValueError(
            f'there are poses of image {unknown[0]!r}, which is none of the '
            f'{len(truth.images)} images of {truth.ann_file}'
        )
    empty = Poses.empty(truth.num_keypoints)
    return {image_id: poses.get(image_id, empty) for image_id in truth.images}


def _sum(counts: Iterable[ErrorCounts]) -> ErrorCounts:
    return sum(counts, ErrorCounts())
