# SPDX-License-Identifier: Apache-2.0
"""Predicted poses, from a results file in COCO's format or from arrays."""

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from reprlib import repr as short_repr
from typing import TypeVar

import numpy as np

from .people import People
from .truth import Truth

_Poses = TypeVar('_Poses', bound='Poses')


@dataclass(frozen=True)
class Poses:
    """Predicted poses of one image: N of K keypoints.

    Attributes:
        keypoints (np.ndarray): (N, K, 2) in image pixels.
        keypoint_scores (np.ndarray): (N, K), on the method's own scale.
        scores (np.ndarray): (N,), by which poses are ranked.
        boxes (np.ndarray | None): (N, 4) x, y, width, height in image pixels where the
            method gives them. COCO takes the size of unmatched poses from them, and
            otherwise from the extent of the keypoints.

    Raises:
        ValueError: If shapes do not fit or a value is not finite.
    """

    keypoints: np.ndarray
    keypoint_scores: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray | None = None

    def __post_init__(self):
        if self.keypoints.ndim != 3 or self.keypoints.shape[2] != 2:
            raise ValueError(
                f'keypoints have the shape {self.keypoints.shape}, not (N, K, 2)'
            )
        poses, types = self.keypoints.shape[:2]
        wanted = dict(keypoint_scores=(poses, types), scores=(poses,), boxes=(poses, 4))
        for name, shape in wanted.items():
            values = getattr(self, name)
            if values is not None and values.shape != shape:
                raise ValueError(
                    f'{name} have the shape {values.shape}, not {shape}, which goes '
                    f'with keypoints of shape {self.keypoints.shape}'
                )
        for name in ('keypoints', *wanted):
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                raise ValueError(f'{name} hold values that are not finite numbers')

    def __len__(self) -> int:
        return len(self.scores)

    def people(self, keypoint_thr: float) -> People:
        """The people with those keypoints that score at least so much.

        None is occluded, for a model does not say.
        """
        shown = self.keypoint_scores >= keypoint_thr
        return People(self.keypoints, np.where(shown, 2, 0))

    def select(self: _Poses, kept: np.ndarray) -> _Poses:
        """Some of the poses, by a mask (N,) or indices."""
        return replace(
            self,
            keypoints=self.keypoints[kept],
            keypoint_scores=self.keypoint_scores[kept],
            scores=self.scores[kept],
            boxes=None if self.boxes is None else self.boxes[kept],
        )

    @classmethod
    def empty(cls, num_keypoints: int) -> 'Poses':
        """No pose at all."""
        shape = (0, num_keypoints)
        return cls(np.zeros((*shape, 2)), np.zeros(shape), np.zeros(0))


def load_poses(results_file: str | Path, truth: Truth) -> dict[int, Poses]:
    """Read a results file as ``CocoMetric`` writes it with ``outfile_prefix``.

    Args:
        results_file (str | Path): JSON list, see :func:`poses_from_records`.
        truth (Truth): The annotations that the results belong to.

    Returns:
        dict[int, Poses]: Poses of every image of ``truth``, by its id.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON, or as :func:`poses_from_records`.
    """
    path = Path(results_file)
    if not path.is_file():
        raise FileNotFoundError(
            f'Results file {path} does not exist. CocoMetric writes '
            '<outfile_prefix>.keypoints.json.'
        )
    try:
        records = json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is not a JSON file: {error}') from error
    return poses_from_records(records, truth, str(path))


def poses_from_records(
    records: Sequence[dict], truth: Truth, source: str = 'results'
) -> dict[int, Poses]:
    """Group results in COCO's format by image.

    Args:
        records (Sequence[dict]): One dict per pose with ``image_id``, ``keypoints`` (a
            flat list x, y, score), ``score`` and perhaps ``bbox``.
        truth (Truth): The annotations that the results belong to.
        source (str): Name of the file, for messages.

    Returns:
        dict[int, Poses]: Poses of every image of ``truth``, by its id, in their order.

    Raises:
        ValueError: If an entry is incomplete, of another K, of an unknown image, or
            holds a value that is not finite.
    """
    if not isinstance(records, list):
        raise ValueError(
            f'{source} holds a {type(records).__name__}; expected a list of poses in '
            "COCO's results format."
        )
    groups: dict[int, list[dict]] = {image_id: [] for image_id in truth.images}
    for index, record in enumerate(records):
        _check(record, f'{source}: pose number {index}', truth)
        groups[record['image_id']].append(record)
    return {
        image_id: _stack(group, truth.num_keypoints)
        for image_id, group in groups.items()
    }


def _check(record: dict, name: str, truth: Truth) -> None:
    """Check one entry of a results file."""
    if not isinstance(record, dict):
        raise ValueError(
            f'{name} is a {type(record).__name__}; expected a pose, an object with '
            '"image_id", "keypoints" and "score".'
        )
    missing = [key for key in ('image_id', 'keypoints', 'score') if key not in record]
    if missing:
        raise ValueError(f'{name} has no "{missing[0]}".')
    image_id = record['image_id']
    if not isinstance(image_id, Hashable) or image_id not in truth.images:
        raise ValueError(
            f'{name} has the image_id {short_repr(image_id)}, which is none of the '
            f'{len(truth.images)} images of {truth.ann_file}. Give the annotation '
            'file that the results were made for.'
        )
    for key, wanted in (('keypoints', 'x, y, score, ...'), ('bbox', 'four numbers')):
        if not isinstance(record.get(key, []), list | tuple | np.ndarray):
            raise ValueError(
                f'{name}: "{key}" is {short_repr(record[key])}; expected a list, '
                f'{wanted}.'
            )
    found = len(record['keypoints'])
    if found != 3 * truth.num_keypoints:
        raise ValueError(
            f'{name} has {found} keypoint numbers; expected {3 * truth.num_keypoints}: '
            f'x, y and score of {truth.num_keypoints} keypoints.'
        )
    if 'bbox' in record and len(record['bbox']) != 4:
        raise ValueError(
            f'{name} has {len(record["bbox"])} numbers in "bbox"; expected 4: x, y, '
            'width and height.'
        )
    values = [*record['keypoints'], record['score'], *record.get('bbox', ())]
    if not _are_finite_numbers(values):
        bad = next(value for value in values if not _are_finite_numbers([value]))
        raise ValueError(
            f'{name} holds the value {short_repr(bad)}; expected finite numbers.'
        )


def _are_finite_numbers(values: list) -> bool:
    try:
        array = np.asarray(values)
    except ValueError:
        # Lists among the numbers.
        return False
    is_numeric = array.ndim == 1 and array.dtype.kind in 'biuf'
    return is_numeric and bool(np.isfinite(array).all())


def _stack(records: list[dict], num_keypoints: int) -> Poses:
    """Poses of the entries of one image."""
    triplets = np.array([record['keypoints'] for record in records], dtype=float)
    triplets = triplets.reshape(-1, num_keypoints, 3)
    boxes = None
    if records and all('bbox' in record for record in records):
        boxes = np.array([record['bbox'] for record in records], dtype=float)
    scores = np.array([record['score'] for record in records], dtype=float)
    return Poses(triplets[..., :2], triplets[..., 2], scores, boxes)


def poses_to_records(poses: Mapping[int, Poses], category_id: int) -> list[dict]:
    """Results in COCO's format, the inverse of :func:`poses_from_records`.

    Boxes are written if every pose has one, since COCO wants all or none.
    """
    has_boxes = all(found.boxes is not None for found in poses.values() if len(found))
    records = []
    for image_id, found in poses.items():
        triplets = np.dstack([found.keypoints, found.keypoint_scores])
        for index, triplet in enumerate(triplets):
            record = dict(
                image_id=image_id,
                category_id=category_id,
                keypoints=triplet.ravel().tolist(),
                score=float(found.scores[index]),
            )
            if has_boxes and found.boxes is not None:
                record['bbox'] = found.boxes[index].tolist()
            records.append(record)
    return records
