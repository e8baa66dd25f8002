# SPDX-License-Identifier: Apache-2.0
"""Average precision after one kind of error is fixed by the annotations.

In the spirit of Ronchi and Perona, "Benchmarking and Error Diagnosis in Multi-Instance
Pose Estimation" (ICCV 2017): what an error costs is what its removal gains. Kinds are
fixed one at a time, each in the original poses, so that no order is to be chosen.
Therefore gains do not add up.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np

from ...coco.poses import Poses
from ...coco.truth import Truth
from .analysis import ErrorAnalysis
from .average_precision import AveragePrecision, average_precision
from .errors import ImageErrors, KeypointState
from .matching import PoseFate

Progress = Callable[[Iterable, int], Iterable]

# By the names of :class:`ErrorCounts`.
KEYPOINT_FIXES = {
    'swapped': (KeypointState.SWAP, KeypointState.SWAP_INVERSION),
    'inversion': (KeypointState.INVERSION,),
    'miss': (KeypointState.MISS,),
    'jitter': (KeypointState.JITTER,),
}
POSE_FIXES = {'duplicates': PoseFate.DUPLICATE, 'background': PoseFate.BACKGROUND}
FIXES = ('missed', *POSE_FIXES, *KEYPOINT_FIXES, 'hallucinated', 'ranking')


@dataclass(frozen=True)
class ScoreScale:
    """The range of a method's scores, for poses that a fix adds or ranks anew.

    Attributes:
        usual (float): Median score of the matched poses; 1 if there is none.
        highest (float): Of all poses; 0 if there is none.
    """

    usual: float
    highest: float

    @classmethod
    def of(cls, images: Iterable[ImageErrors]) -> 'ScoreScale':
        """Measure the scores of all images."""
        scores, matched = [np.zeros(0)], [np.zeros(0)]
        for image in images:
            scores.append(image.poses.scores)
            right = image.matches.fates == PoseFate.MATCHED
            matched.append(image.poses.scores[right])
        scores, matched = np.concatenate(scores), np.concatenate(matched)
        return cls(
            float(np.median(matched)) if len(matched) else 1.0,
            float(scores.max(initial=0.0)),
        )


def fix_poses(errors: ImageErrors, kinds: Collection[str], scale: ScoreScale) -> Poses:
    """Fix some kinds of errors in the poses of one image.

    - ``missed``: every missed person gets a pose, the annotated keypoints, with the
      usual score of the method's matched poses;
    - ``duplicates`` and ``background``: these poses are removed;
    - ``swapped``, ``inversion``, ``miss``, ``jitter``: these keypoints are put where
      they are annotated, the score of the pose stays;
    - ``hallucinated``: these keypoints are no longer reported, their score is 0;
    - ``ranking``: matched poses score their OKS (before any fix), all others less
      than these, in their order.

    Poses below the analysis' threshold take part in AP and are left as they are.

    Args:
        errors (ImageErrors): The errors of one image.
        kinds (Collection[str]): Of ``FIXES``.
        scale (ScoreScale): Of all images.

    Returns:
        Poses: Fixed copies.

    Raises:
        ValueError: If a kind is unknown.
    """
    unknown = set(kinds) - set(FIXES)
    if unknown:
        raise ValueError(f'no fix is called {sorted(unknown)[0]!r}; expected {FIXES}')
    image, poses, matches = errors.image, errors.poses, errors.matches
    found = np.flatnonzero(matches.pose_of_person >= 0)
    rows = matches.pose_of_person[found]

    keypoints = poses.keypoints.astype(float)
    states = [s for kind in kinds for s in KEYPOINT_FIXES.get(kind, ())]
    wrong = np.isin(errors.states[found], states)
    keypoints[rows] = np.where(
        wrong[..., None], image.keypoints[found], keypoints[rows]
    )
    keypoint_scores = poses.keypoint_scores.astype(float)
    if 'hallucinated' in kinds:
        keypoint_scores[rows] *= ~errors.hallucinated[found]
    scores = poses.scores.astype(float)
    if 'ranking' in kinds:
        scores -= scale.highest + 1
        scores[rows] = matches.oks[found]

    fates = [POSE_FIXES[kind] for kind in kinds if kind in POSE_FIXES]
    kept = ~np.isin(matches.fates, fates)
    fixed = Poses(keypoints, keypoint_scores, scores, poses.boxes).select(kept)
    if 'missed' not in kinds:
        return fixed
    usual = 1.0 if 'ranking' in kinds else scale.usual
    return _add_missed(fixed, errors, usual)


def _add_missed(poses: Poses, errors: ImageErrors, score: float) -> Poses:
    """Poses and, in front, those of missed persons as they are annotated."""
    image = errors.image
    missed = np.flatnonzero(errors.matches.pose_of_person < 0)
    boxes = None
    # An image without poses does not tell whether the method gives boxes.
    if poses.boxes is not None or not len(poses):
        own = np.zeros((0, 4)) if poses.boxes is None else poses.boxes
        boxes = np.concatenate([image.boxes[missed], own])
    return Poses(
        np.concatenate([image.keypoints[missed], poses.keypoints]),
        np.concatenate([image.labeled[missed] * 1.0, poses.keypoint_scores]),
        np.concatenate([np.full(len(missed), score), poses.scores]),
        boxes,
    )


def average_precision_after_fixes(
    truth: Truth,
    analysis: ErrorAnalysis,
    sigmas: np.ndarray,
    iou_type: str = 'keypoints',
    progress: Progress = lambda items, total: items,
) -> dict[str, AveragePrecision]:
    """Measure AP again after each fix alone, and after all of them together.

    Args:
        truth (Truth): The annotations.
        analysis (ErrorAnalysis): The errors of the poses.
        sigmas (np.ndarray): (K,) of the dataset's metainfo.
        iou_type (str): As in :func:`average_precision`. Defaults to 'keypoints'.
        progress (Callable, optional): Wraps the loop over the fixes, for a bar; takes
            the items and their number.

    Returns:
        dict[str, AveragePrecision]: By kind of error, in the order of ``FIXES``, and
        last of 'all'.
    """
    scale = ScoreScale.of(analysis.images)
    fixes = [*((kind, (kind,)) for kind in FIXES), ('all', FIXES)]
    return {
        name: average_precision(
            truth,
            {
                errors.image.image_id: fix_poses(errors, kinds, scale)
                for errors in analysis.images
            },
            sigmas,
            iou_type=iou_type,
        )
        for name, kinds in progress(fixes, len(fixes))
    }
