# SPDX-License-Identifier: Apache-2.0
"""What is wrong with each keypoint of the matched poses of an image.

The classes follow Ronchi and Perona, "Benchmarking and Error Diagnosis in
Multi-Instance Pose Estimation" (ICCV 2017).
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ...coco.poses import Poses
from ...coco.similarity import keypoint_similarity
from ...coco.truth import ImageTruth
from .matching import Matches, PoseFate

GOOD_SIMILARITY = 0.85
NEAR_SIMILARITY = 0.5


class KeypointState(IntEnum):
    """How a person's keypoint was found. NEAR means a similarity of at least 0.5."""

    # Not labeled, or the person is not matched.
    NONE = 0
    # Similarity of at least 0.85.
    GOOD = 1
    # Near, but not good.
    JITTER = 2
    # Not near, but near the keypoint of the same type of another person.
    SWAP = 3
    # Not near, but near the left-right counterpart of another person.
    SWAP_INVERSION = 4
    # Not near, but near the person's own left-right counterpart.
    INVERSION = 5
    # Near none of these.
    MISS = 6


_CONFUSIONS = np.array(
    [KeypointState.SWAP, KeypointState.SWAP_INVERSION, KeypointState.INVERSION]
)


@dataclass(frozen=True)
class ImageErrors:
    """Errors in one image: G persons of K keypoints, N poses.

    Attributes:
        image (ImageTruth): The persons.
        poses (Poses): The poses.
        matches (Matches): Which is whose.
        states (np.ndarray): (G, K) values of :class:`KeypointState`.
        swapped_with (np.ndarray): (G, K) the other person of a swap, otherwise -1.
        hallucinated (np.ndarray): (G, K), True for keypoints of matched persons that
            are not labeled but reported.
    """

    image: ImageTruth
    poses: Poses
    matches: Matches
    states: np.ndarray
    swapped_with: np.ndarray
    hallucinated: np.ndarray

    @property
    def duplicates_of_person(self) -> np.ndarray:
        """(G,) number of duplicates of each person."""
        duplicate = self.matches.fates == PoseFate.DUPLICATE
        persons = self.matches.person_of_pose[duplicate]
        return np.bincount(persons, minlength=len(self.image))

    @property
    def cost(self) -> float:
        """What is wrong with the image, in persons.

        How far the OKS of every person is from 1, and 1 for every duplicate and every
        pose of nobody.
        """
        fates = self.matches.fates
        wrong = np.isin(fates, (PoseFate.DUPLICATE, PoseFate.BACKGROUND)).sum()
        return float((1 - self.matches.oks).sum() + wrong)


def find_errors(
    image: ImageTruth,
    poses: Poses,
    matches: Matches,
    sigmas: np.ndarray,
    flip_indices: np.ndarray,
    keypoint_threshold: float,
) -> ImageErrors:
    """Classify the labeled keypoints of matched persons.

    A swap is a keypoint put where another annotated person has one; "similar" types of
    the paper are here the same type and its left-right counterpart. Where several
    explanations hold, the one of highest similarity is taken. Each similarity is that
    of the person to whom the keypoint aimed at belongs.

    Args:
        image (ImageTruth): The persons.
        poses (Poses): The poses.
        matches (Matches): Of :func:`match_poses`.
        sigmas (np.ndarray): (K,) of the dataset's metainfo.
        flip_indices (np.ndarray): (K,) type of the left-right counterpart, or itself.
        keypoint_threshold (float): Score from which a keypoint is reported, of
            :func:`keypoint_threshold`.

    Returns:
        ImageErrors: The errors.
    """
    states = np.full(image.visibility.shape, KeypointState.NONE)
    swapped_with = np.full(image.visibility.shape, -1)
    hallucinated = np.zeros(image.visibility.shape, dtype=bool)
    found = np.flatnonzero(matches.pose_of_person >= 0)
    pose = matches.pose_of_person[found]
    if len(found):
        classes, others = _classify(
            poses.keypoints[pose], found, image, np.asarray(sigmas), flip_indices
        )
        labeled = image.labeled[found]
        states[found] = np.where(labeled, classes, KeypointState.NONE)
        swapped_with[found] = np.where(labeled, others, -1)
        reported = poses.keypoint_scores[pose] >= keypoint_threshold
        hallucinated[found] = reported & ~labeled
    return ImageErrors(image, poses, matches, states, swapped_with, hallucinated)


def _classify(
    points: np.ndarray,
    found: np.ndarray,
    image: ImageTruth,
    sigmas: np.ndarray,
    flip_indices: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """States (M, K) of the points (M, K, 2) of M persons, and persons swapped with."""
    flip = np.asarray(flip_indices)
    rows = np.arange(len(found))
    # (M, G, K): how near each keypoint is to that of every person, of the same type
    # and of its counterpart.
    same = keypoint_similarity(points[:, None], image.keypoints, image.areas, sigmas)
    counterpart = keypoint_similarity(
        points[:, None], image.keypoints[:, flip], image.areas, sigmas[flip]
    )
    own = same[rows, found]
    same = same * image.labeled
    counterpart = counterpart * image.labeled[:, flip] * (flip != np.arange(len(flip)))
    own_counterpart = counterpart[rows, found]
    # What is left in these is the other persons'.
    same[rows, found] = counterpart[rows, found] = 0

    options = np.stack([same.max(axis=1), counterpart.max(axis=1), own_counterpart])
    confusion = _CONFUSIONS[options.argmax(axis=0)]
    confused = options.max(axis=0) >= NEAR_SIMILARITY
    states = np.where(confused, confusion, KeypointState.MISS)
    states[own >= NEAR_SIMILARITY] = KeypointState.JITTER
    states[own >= GOOD_SIMILARITY] = KeypointState.GOOD
    persons = np.where(
        states == KeypointState.SWAP,
        same.argmax(axis=1),
        np.where(
            states == KeypointState.SWAP_INVERSION, counterpart.argmax(axis=1), -1
        ),
    )
    return states, persons
