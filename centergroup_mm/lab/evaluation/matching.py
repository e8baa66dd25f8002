# SPDX-License-Identifier: Apache-2.0
"""Which pose is whose, in the manner of the COCO evaluation."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ...coco.poses import Poses
from ...coco.similarity import object_keypoint_similarity, region_similarity
from ...coco.truth import ImageTruth

# COCO's evaluation takes the best 20 poses of an image.
MAX_POSES = 20


class PoseFate(IntEnum):
    """What became of a pose."""

    MATCHED = 0
    DUPLICATE = 1
    BACKGROUND = 2
    # In an ignore region: neither right nor wrong.
    IGNORED = 3
    # Scored too low, or beyond the number of poses that count.
    LEFT_OUT = 4


@dataclass(frozen=True)
class Matches:
    """Poses and persons of one image: N poses, G persons.

    Attributes:
        fates (np.ndarray): (N,) values of :class:`PoseFate`.
        person_of_pose (np.ndarray): (N,) the person that a pose is matched with or a
            duplicate of, otherwise -1.
        pose_of_person (np.ndarray): (G,) the matched pose, -1 of missed persons.
        oks (np.ndarray): (G,) of the match, 0 of missed persons.
    """

    fates: np.ndarray
    person_of_pose: np.ndarray
    pose_of_person: np.ndarray
    oks: np.ndarray


def match_poses(
    image: ImageTruth,
    poses: Poses,
    sigmas: np.ndarray,
    threshold: float = 0.5,
    low_threshold: float = 0.1,
    min_score: float = -np.inf,
    max_poses: int = MAX_POSES,
) -> Matches:
    """Match poses with persons greedily, in two rounds.

    By falling score, each pose takes the free person of highest OKS if that reaches
    ``threshold``. Of the poses left, those that reach it with a person already matched
    are duplicates. The others may take, by ``low_threshold``, a person still free: such
    poses are poor, often put together of several people, and tell most about grouping.
    What is left is ignored if it reaches ``threshold`` with an ignore region, by COCO's
    measure for these, and background otherwise.

    With ``low_threshold=threshold`` the matches are those of COCO at this threshold.
    Unlike there, a duplicate within an ignore region counts as a duplicate.

    Args:
        image (ImageTruth): The persons.
        poses (Poses): The poses.
        sigmas (np.ndarray): (K,) of the dataset's metainfo.
        threshold (float): OKS from which a person is found. Defaults to 0.5.
        low_threshold (float): OKS of poor matches. Defaults to 0.1, from which Ronchi
            and Perona (ICCV 2017) speak of errors of localization.
        min_score (float): Poses scoring less are left out. Defaults to none.
        max_poses (int): Poses beyond this number are left out. Defaults to 20.

    Returns:
        Matches: The fate of every pose and person. Equal scores go by order.
    """
    geometry = (image.keypoints, image.labeled, image.areas, sigmas)
    similarity = object_keypoint_similarity(poses.keypoints, *geometry)
    fates = np.full(len(poses), PoseFate.LEFT_OUT)
    person_of_pose = np.full(len(poses), -1)
    matched = np.zeros(len(image), dtype=bool)

    order = _ranking(poses, min_score, max_poses)
    first = _take_persons(order, similarity, matched, threshold)
    left = [pose for pose in order if pose not in first]
    taken = np.where(matched, similarity, -1.0)
    duplicates = {
        pose: int(taken[pose].argmax())
        for pose in left
        if len(image) and taken[pose].max() >= threshold
    }
    left = [pose for pose in left if pose not in duplicates]
    second = _take_persons(left, similarity, matched, low_threshold)

    matches = first | second
    fates[left] = _fates_outside(image, poses, sigmas, threshold)[left]
    fates[list(duplicates)] = PoseFate.DUPLICATE
    fates[list(matches)] = PoseFate.MATCHED
    pose_of_person, oks = np.full(len(image), -1), np.zeros(len(image))
    for pose, person in (matches | duplicates).items():
        person_of_pose[pose] = person
    for pose, person in matches.items():
        pose_of_person[person] = pose
        oks[person] = similarity[pose, person]
    return Matches(fates, person_of_pose, pose_of_person, oks)


def _ranking(poses: Poses, min_score: float, max_poses: int) -> list[int]:
    """Poses that count, by falling score."""
    order = np.argsort(-poses.scores, kind='stable')
    # COCO drops poses without any keypoint before it counts the best ones.
    reports = (poses.keypoint_scores > 0).any(axis=1)
    order = order[reports[order]][:max_poses]
    return order[poses.scores[order] >= min_score].tolist()


def _take_persons(
    order: Iterable[int], similarity: np.ndarray, matched: np.ndarray, threshold: float
) -> dict[int, int]:
    """Person of each pose that finds one; ``matched`` is updated."""
    persons = {}
    for pose in order:
        free = np.where(matched, -1.0, similarity[pose])
        if free.size and free.max() >= threshold:
            persons[pose] = int(free.argmax())
            matched[persons[pose]] = True
    return persons


def _fates_outside(
    image: ImageTruth, poses: Poses, sigmas: np.ndarray, threshold: float
) -> np.ndarray:
    """(N,) fates of poses that belong to no person."""
    inside = region_similarity(
        poses.keypoints, image.region_boxes, image.region_areas, sigmas
    )
    ignored = (inside >= threshold).any(axis=1)
    return np.where(ignored, PoseFate.IGNORED, PoseFate.BACKGROUND)
