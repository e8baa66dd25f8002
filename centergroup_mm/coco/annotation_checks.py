# SPDX-License-Identifier: Apache-2.0
"""What images and annotations of a file must hold, before anything is computed."""

from collections import Counter
from collections.abc import Iterable
from math import inf
from reprlib import repr as short_repr
from typing import TypeGuard

# No image is nearly as large: a coordinate in pixels beyond it is a mistake.
COORDINATE_LIMIT = 1e7
# The COCO evaluation holds ids in signed integers of 64 bits.
ID_LIMIT = 2**63
# Where COCO-WholeBody keeps all but the 17 keypoints of the body.
_WHOLEBODY_LISTS = ('foot_kpts', 'face_kpts', 'lefthand_kpts', 'righthand_kpts')


class AnnotationChecker:
    """Checks images and annotations, naming file, annotation and value.

    Args:
        path (str): Name of the annotation file, for the messages.
        num_keypoints (int): Keypoint types of the dataset's metainfo.
        category (int): The only category that annotations may have.
        need_keypoints (bool): Whether every annotation must list its keypoints, as the
            COCO evaluation wants. Otherwise a person may come without. The empty list
            always stands for nothing labeled.
        need_area (bool): Whether every annotation must have its area, ignored ones
            too, as the COCO evaluation wants with ``use_area``. Otherwise it is not
            looked at. Defaults to False.
    """

    def __init__(
        self,
        path: str,
        num_keypoints: int,
        category: int,
        need_keypoints: bool,
        need_area: bool = False,
    ) -> None:
        self.path = path
        self.num_keypoints = num_keypoints
        self.category = category
        self.need_keypoints = need_keypoints
        self.need_area = need_area

    def check(self, images: Iterable[dict], annotations: Iterable[dict]) -> None:
        """Check a whole file.

        Raises:
            ValueError: At the first fault.
        """
        self._check_ids('image', images)
        self._check_ids('annotation', annotations)
        for image in images:
            self._check_image(image)
        self._check_lengths(annotations)
        for annotation in annotations:
            self._check_category(annotation)
            self._check_crowd(annotation)
            self._check_box(annotation)
            self._check_keypoints(annotation)
            self._check_count(annotation)
            if self.need_area:
                self._check_area(annotation)

    def _check_ids(self, kind: str, entries: Iterable[dict]) -> None:
        seen = set()
        for index, entry in enumerate(entries):
            identity = entry.get('id')
            if not _is_integer(identity):
                raise self._error(
                    f'{kind} number {index} has the id {short_repr(identity)}; ids '
                    'must be integers, as the COCO evaluation wants them. Number them '
                    'anew'
                )
            if not -ID_LIMIT <= identity < ID_LIMIT:
                raise self._error(
                    f'{kind} number {index} has the id {short_repr(identity)}; ids '
                    'must fit into 64 bits, as the COCO evaluation wants them. Number '
                    'them anew'
                )
            if kind == 'annotation' and identity < 0:
                raise self._error(
                    f'{kind} number {index} has the id {identity}; the COCO evaluation '
                    'takes negative ids for poses without a match. Number them anew'
                )
            if identity in seen:
                raise self._error(
                    f'{kind} id {identity} occurs twice; ids must be unique. Number '
                    'them anew'
                )
            seen.add(identity)

    def _check_image(self, image: dict) -> None:
        name = f'image {image["id"]}'
        file_name = image.get('file_name')
        if file_name is None:
            raise self._error(f'{name} has no "file_name"')
        if not isinstance(file_name, str) or not file_name:
            raise self._error(
                f'{name} has the file_name {short_repr(file_name)}; expected the path '
                'of its file within the folder of images'
            )
        crowd_index = image.get('crowdIndex', 0)
        if not _is_number(crowd_index) or not -inf < crowd_index < inf:
            raise self._error(
                f'{name} has the crowdIndex {short_repr(crowd_index)}; expected a '
                'finite number, 0 (apart) to 1'
            )

    def _check_category(self, annotation: dict) -> None:
        category = annotation.get('category_id')
        if category != self.category:
            raise self._error(
                f'annotation {annotation["id"]} has the category_id {category!r}; '
                f'expected {self.category}, the category with keypoints'
            )

    def _check_crowd(self, annotation: dict) -> None:
        crowd = annotation.get('iscrowd', 0)
        # Not a mere comparison: as a text, "0" would count as true later on.
        if not isinstance(crowd, int | float) or crowd not in (0, 1):
            raise self._error(
                f'annotation {annotation["id"]} has the iscrowd {crowd!r}; expected '
                'the number 0 (one person) or 1 (a crowd), or false or true'
            )

    def _check_area(self, annotation: dict) -> None:
        area = annotation.get('area')
        if not _is_number(area) or not 0 <= area <= COORDINATE_LIMIT**2:
            found = (
                f'the area {short_repr(area)}' if 'area' in annotation else 'no "area"'
            )
            raise self._error(
                f'annotation {annotation["id"]} has {found}; the COCO evaluation '
                'judges distances by it: expected a finite number of px^2, not '
                'negative. For a file without areas set use_area=False of both the '
                'dataset and CocoMetric (tools/analyze_grouping.py: --no-area)'
            )

    def _check_box(self, annotation: dict) -> None:
        name = f'annotation {annotation["id"]}'
        bbox = annotation.get('bbox')
        if bbox is None:
            raise self._error(
                f'{name} has no "bbox"; every annotation needs its box '
                "[x, y, width, height] in pixels, from which the person's size is taken"
            )
        if not are_coordinates(bbox) or len(bbox) != 4 or min(bbox[2:]) < 0:
            raise self._error(
                f'{name} has the bbox {short_repr(bbox)}; expected four finite numbers '
                f'[x, y, width, height] in pixels, none beyond {COORDINATE_LIMIT:.0f}, '
                'width and height not negative'
            )

    def _check_lengths(self, annotations: Iterable[dict]) -> None:
        """Tell a metainfo of other types from a single broken annotation."""
        lengths: Counter[int] = Counter()
        for annotation in annotations:
            keypoints = annotation.get('keypoints')
            if isinstance(keypoints, list) and keypoints:
                lengths[len(keypoints)] += 1
        wanted = 3 * self.num_keypoints
        if len(lengths) != 1 or wanted in lengths or next(iter(lengths)) % 3:
            return
        found = next(iter(lengths))
        first = next(a for a in annotations if a.get('keypoints'))
        advice = (
            'Give the dataset the metainfo of its annotations: '
            'metainfo=dict(from_file=...)'
        )
        if all(name in first for name in _WHOLEBODY_LISTS):
            advice = (
                'This is a COCO-WholeBody file, which keeps feet, face and hands in '
                'lists of their own. They are not read here: join them in "keypoints", '
                "or train the body alone with metainfo=dict(from_file='coco.py')"
            )
        raise self._error(
            f'annotation {first["id"]} has {found} keypoint numbers, as all others; '
            f'expected {wanted}: x, y and visibility of each of the '
            f'{self.num_keypoints} keypoints in the metainfo. {advice}'
        )

    def _check_keypoints(self, annotation: dict) -> None:
        name = f'annotation {annotation["id"]}'
        keypoints = annotation.get('keypoints')
        if keypoints is None:
            if self.need_keypoints:
                raise self._error(
                    f'{name} has no "keypoints", which the COCO evaluation reads; for '
                    'an unannotated person give []'
                )
            return
        if not isinstance(keypoints, list):
            raise self._error(
                f'{name} has the keypoints {short_repr(keypoints)}; expected a list of '
                f'{3 * self.num_keypoints} numbers, or [] for an unannotated person'
            )
        if len(keypoints) not in (0, 3 * self.num_keypoints):
            raise self._error(
                f'{name} has {len(keypoints)} keypoint numbers; expected '
                f'{3 * self.num_keypoints}: x, y and visibility of each of the '
                f'{self.num_keypoints} keypoints in the metainfo, 0, 0, 0 for one that '
                'is not labeled, or [] for an unannotated person'
            )
        if not are_coordinates(keypoints):
            bad = next(value for value in keypoints if not are_coordinates([value]))
            raise self._error(
                f'{name} has the keypoint value {short_repr(bad)}; expected finite '
                f'numbers x, y in pixels, none beyond {COORDINATE_LIMIT:.0f}, and a '
                'visibility of 0, 1 or 2'
            )
        bad = [value for value in keypoints[2::3] if value not in (0, 1, 2)]
        if bad:
            raise self._error(
                f'{name} has a keypoint of visibility {bad[0]}; expected 0 (not '
                'labeled), 1 (labeled, occluded) or 2 (labeled, visible)'
            )

    def _check_count(self, annotation: dict) -> None:
        count = annotation.get('num_keypoints', 0)
        if not _is_number(count) or not 0 <= count < inf:
            raise self._error(
                f'annotation {annotation["id"]} has the num_keypoints '
                f'{short_repr(count)}; expected how many of its {self.num_keypoints} '
                'keypoints are labeled'
            )

    def _error(self, fault: str) -> ValueError:
        return ValueError(f'{self.path}: {fault}.')


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def are_coordinates(values: object, limit: float = COORDINATE_LIMIT) -> bool:
    """Whether it is a list of finite numbers within the limit, in pixels."""
    return isinstance(values, list) and all(
        _is_number(value) and abs(value) <= limit for value in values
    )
