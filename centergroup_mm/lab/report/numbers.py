# SPDX-License-Identifier: Apache-2.0
"""Everything that an error report says, as numbers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...coco import CROWD_LEVELS, Poses, Truth, with_crowd_indices
from ..evaluation import (
    FIXES,
    AveragePrecision,
    ErrorAnalysis,
    ErrorCounts,
    ImageErrors,
    analyze_errors,
    average_precision,
    average_precision_after_fixes,
    average_precision_by_crowd_level,
    best_pose_threshold,
    count_errors,
)
from ..evaluation.fixes import Progress

SIZE_LEVELS = ('small', 'medium', 'large')


@dataclass(frozen=True)
class ErrorReport:
    """Errors of one results file.

    Attributes:
        numbers (dict): Ready for JSON, None where there is nothing to measure:
            ``images``, ``persons``, ``poses``; ``pose_threshold`` and
            ``keypoint_threshold``; ``ap``, the values of :class:`AveragePrecision`;
            ``fixes``, by kind of error how many there are (``count``), the AP without
            them (``ap``) and the ``gain``; ``sizes`` and ``crowding``, by level the
            ``ap``, the ``counts`` and their ``rates``; ``worst``, images with their
            ``cost`` and ``counts``.
        analysis (ErrorAnalysis): What they were counted from.
        worst (list[ImageErrors]): The images of highest cost, the worst first.
    """

    numbers: dict
    analysis: ErrorAnalysis
    worst: list[ImageErrors]


def report_errors(
    truth: Truth,
    poses: Mapping[int, Poses],
    sigmas: np.ndarray,
    flip_indices: np.ndarray,
    iou_type: str = 'keypoints',
    pose_threshold: float | None = None,
    num_worst: int = 6,
    progress: Progress = lambda items, total: items,
) -> ErrorReport:
    """Measure AP, the errors, and what each kind of error costs.

    AP is measured on all poses. Errors are those of poses that score at least
    ``pose_threshold``.

    Args:
        truth (Truth): The annotations; levels of crowding are measured where the file
            does not give them.
        poses (Mapping[int, Poses]): By image id; an image may be absent.
        sigmas (np.ndarray): (K,) of the dataset's metainfo.
        flip_indices (np.ndarray): (K,) of the dataset's metainfo.
        iou_type (str): As in :func:`average_precision`. Defaults to 'keypoints'.
        pose_threshold (float, optional): Defaults to :func:`best_pose_threshold`.
        num_worst (int): Images to name. Defaults to 6.
        progress (Callable, optional): As in :func:`average_precision_after_fixes`,
            which is most of the work.

    Returns:
        ErrorReport: The numbers and what they come from.

    Raises:
        ValueError: If poses, annotations and K do not fit together.
    """
    sigmas, flip_indices = np.asarray(sigmas), np.asarray(flip_indices)
    _check_types(truth, sigmas)
    truth = with_crowd_indices(truth)
    if pose_threshold is None:
        pose_threshold = best_pose_threshold(truth, poses, sigmas)
    analysis = analyze_errors(
        truth, poses, sigmas, flip_indices, pose_threshold=pose_threshold
    )
    precision = average_precision(truth, poses, sigmas, iou_type=iou_type)
    after = average_precision_after_fixes(truth, analysis, sigmas, iou_type, progress)
    by_crowding = average_precision_by_crowd_level(truth, poses, sigmas, iou_type)
    counts = analysis.counts()
    worst = sorted(analysis.images, key=lambda image: -image.cost)
    worst = [image for image in worst[:num_worst] if image.cost > 0]
    numbers = dict(
        images=len(truth),
        persons=counts.persons,
        poses=sum(len(found) for found in poses.values()),
        iou_type=iou_type,
        pose_threshold=pose_threshold,
        keypoint_threshold=analysis.keypoint_threshold,
        ap=precision.as_dict(),
        counts=counts.as_dict(),
        rates=counts.rates(),
        fixes=_fixes(counts, precision.ap, after),
        sizes=_by_size(precision, analysis),
        crowding=_by_crowding(by_crowding, analysis),
        worst=[_worst(image, analysis.threshold) for image in worst],
    )
    return ErrorReport(_for_json(numbers), analysis, worst)


def _check_types(truth: Truth, sigmas: np.ndarray) -> None:
    if len(sigmas) != truth.num_keypoints:
        raise ValueError(
            f'{truth.ann_file} has {truth.num_keypoints} keypoint types, the metainfo '
            f'{len(sigmas)}. Give the metainfo of this dataset.'
        )


def _fixes(
    counts: ErrorCounts, before: float, after: Mapping[str, AveragePrecision]
) -> dict[str, dict]:
    return {
        kind: dict(
            # Neither the order of poses nor everything together can be counted.
            count=getattr(counts, kind) if kind in FIXES[:-1] else math.nan,
            ap=precision.ap,
            gain=precision.ap - before,
        )
        for kind, precision in after.items()
    }


def _by_size(precision: AveragePrecision, analysis: ErrorAnalysis) -> dict[str, dict]:
    # COCO measures no AP of small people.
    values = (math.nan, precision.ap_medium, precision.ap_large)
    counts = analysis.counts_by_area()
    return {
        level: _group(ap, found)
        for level, ap, found in zip(SIZE_LEVELS, values, counts, strict=True)
    }


def _by_crowding(
    precision: Mapping[str, AveragePrecision], analysis: ErrorAnalysis
) -> dict[str, dict]:
    counts = analysis.counts_by_crowd_level()
    return {level: _group(precision[level].ap, counts[level]) for level in CROWD_LEVELS}


def _group(ap: float, counts: ErrorCounts) -> dict:
    return dict(ap=ap, counts=counts.as_dict(), rates=counts.rates())


def _worst(errors: ImageErrors, threshold: float) -> dict:
    return dict(
        image_id=errors.image.image_id,
        file_name=errors.image.file_name,
        cost=errors.cost,
        counts=count_errors(errors, threshold).as_dict(),
    )


def _for_json(value):
    """Replace what JSON cannot say, such as NaN, by None."""
    if isinstance(value, dict):
        return {key: _for_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_for_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
