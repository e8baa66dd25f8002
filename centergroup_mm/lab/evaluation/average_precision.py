# SPDX-License-Identifier: Apache-2.0
"""COCO's average precision, on all images or some, through xtcocotools."""

import contextlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...coco.crowding import CROWD_BORDERS, image_ids_by_crowd_level
from ...coco.poses import Poses, poses_to_records
from ...coco.truth import Truth

if TYPE_CHECKING:
    from xtcocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval

IOU_TYPES = ('keypoints', 'keypoints_crowd')


@dataclass(frozen=True)
class AveragePrecision:
    """Average precision and recall of at most 20 poses per image, 0 to 1.

    A value is NaN where no person counts, where COCO's evaluation prints -1.

    Attributes:
        ap (float): Mean over the OKS thresholds 0.50, 0.55, ..., 0.95.
        ap50 (float): At 0.50.
        ap75 (float): At 0.75.
        ap_medium (float): Of persons of 32^2 to 96^2 px^2.
        ap_large (float): Of larger persons.
        ar (float): Mean recall over the thresholds.
    """

    ap: float
    ap50: float
    ap75: float
    ap_medium: float
    ap_large: float
    ar: float

    def as_dict(self) -> dict[str, float]:
        """The values by name."""
        return asdict(self)


def average_precision(
    truth: Truth,
    poses: Mapping[int, Poses],
    sigmas: np.ndarray,
    image_ids: Iterable[int] | None = None,
    iou_type: str = 'keypoints',
) -> AveragePrecision:
    """Evaluate poses as ``CocoMetric`` does, by the areas that ``truth`` uses.

    Args:
        truth (Truth): The annotations.
        poses (Mapping[int, Poses]): By image id; an image may be absent.
        sigmas (np.ndarray): (K,) of the dataset's metainfo.
        image_ids (Iterable[int] | None): Images to evaluate. Defaults to all.
        iou_type (str): 'keypoints' or 'keypoints_crowd'. The second ignores persons
            by the annotated ``num_keypoints``, as CrowdPose does. Defaults to
            'keypoints'.

    Returns:
        AveragePrecision: The values.

    Raises:
        ImportError: If xtcocotools, which measures it, is missing.
        ValueError: If the type or an image id is unknown.
    """
    COCO, COCOeval = _import_tools()
    if iou_type not in IOU_TYPES:
        raise ValueError(f'iou_type is {iou_type!r}; expected one of {IOU_TYPES}')
    chosen = sorted(truth.images if image_ids is None else set(image_ids))
    unknown = [i for i in (*chosen, *poses) if i not in truth.images]
    if unknown:
        raise ValueError(
            f'image id {unknown[0]!r} is none of the {len(truth.images)} images of '
            f'{truth.ann_file}'
        )
    # The evaluation prints as it goes.
    with contextlib.redirect_stdout(io.StringIO()):
        reference = _reference(COCO(), truth)
        records = poses_to_records(poses, truth.category['id'])
        evaluation = COCOeval(
            reference,
            reference.loadRes(records),
            iou_type,
            np.asarray(sigmas),
            truth.use_area,
        )
        evaluation.params.imgIds = chosen
        evaluation.evaluate()
        evaluation.accumulate()
    return _summarize(evaluation)


def average_precision_by_crowd_level(
    truth: Truth,
    poses: Mapping[int, Poses],
    sigmas: np.ndarray,
    iou_type: str = 'keypoints_crowd',
    borders: tuple[float, float] = CROWD_BORDERS,
) -> dict[str, AveragePrecision]:
    """CrowdPose's AP of easy, medium and hard images, each evaluated on its own.

    Raises:
        ValueError: If an image has no ``crowdIndex``, or as
            :func:`average_precision`.
    """
    return {
        level: average_precision(truth, poses, sigmas, image_ids, iou_type)
        for level, image_ids in image_ids_by_crowd_level(truth, borders).items()
    }


def _import_tools() -> 'tuple[type[COCO], type[COCOeval]]':
    """COCO's classes: whoever counts errors alone can do without."""
    try:
        from xtcocotools.coco import COCO
        from xtcocotools.cocoeval import COCOeval
    # A ValueError where it was built for another numpy.
    except (ImportError, ValueError) as error:
        raise ImportError(
            f'AP is measured by xtcocotools, which cannot be imported: {error}. '
            "`pip install 'centergroup_mm[report]'` brings what a report needs."
        ) from error
    return COCO, COCOeval


def _reference(reference: 'COCO', truth: Truth) -> 'COCO':
    """The annotations for xtcocotools, copied because the evaluation adds to them."""
    reference.dataset = dict(
        images=[dict(id=image_id) for image_id in truth.images],
        categories=[dict(truth.category)],
        annotations=[dict(iscrowd=0) | annotation for annotation in truth.annotations],
    )
    reference.createIndex()
    return reference


def _summarize(evaluation: 'COCOeval') -> AveragePrecision:
    """Means over thresholds of the one category and number of poses."""
    precision = evaluation.eval['precision'][:, :, 0, :, 0]
    recall = evaluation.eval['recall'][:, 0, :, 0]
    thresholds = evaluation.params.iouThrs
    every, medium, large = range(3)

    def at(threshold: float) -> np.ndarray:
        return precision[np.argmin(np.abs(thresholds - threshold)), :, every]

    return AveragePrecision(
        ap=_mean(precision[:, :, every]),
        ap50=_mean(at(0.5)),
        ap75=_mean(at(0.75)),
        ap_medium=_mean(precision[:, :, medium]),
        ap_large=_mean(precision[:, :, large]),
        ar=_mean(recall[:, every]),
    )


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(known.mean()) if len(known) else float('nan')
