# SPDX-License-Identifier: Apache-2.0
"""Annotated persons of a COCO-format file, as arrays."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as short_repr

import numpy as np

from .annotation_checks import AnnotationChecker
from .annotations import group_by_image, read_annotation_file, split_categories
from .categories import as_one_category
from .evaluation_needs import check_sizes
from .ignored_people import ignored_in_evaluation
from .people import People
from .similarity import BODY_AREA_RATIO


@dataclass(frozen=True)
class ImageTruth(People):
    """Annotated persons of one image: G of K keypoints, and R ignore regions.

    Attributes:
        keypoints (np.ndarray): (G, K, 2) in image pixels.
        visibility (np.ndarray): (G, K); 0 not labeled, 1 occluded, 2 visible.
        image_id (int): As in the file.
        file_name (str): As in the file.
        crowd_index (float | None): CrowdPose's ``crowdIndex``, 0 (apart) to 1.
        areas (np.ndarray): (G,) in px^2, by which distances are judged.
        boxes (np.ndarray): (G, 4) x, y, width, height in image pixels.
        region_boxes (np.ndarray): (R, 4) boxes of crowds and of persons without
            labeled keypoints; poses there are right or wrong for all one knows.
        region_areas (np.ndarray): (R,) as ``areas``.
    """

    image_id: int
    file_name: str
    crowd_index: float | None
    areas: np.ndarray
    boxes: np.ndarray
    region_boxes: np.ndarray
    region_areas: np.ndarray


@dataclass(frozen=True)
class Truth:
    """A COCO-format annotation file.

    Attributes:
        ann_file (str): Its name, for messages.
        num_keypoints (int): K.
        use_area (bool): Whether areas are the annotated ones.
        category (dict): The category of persons, as in the file.
        images (dict[int, ImageTruth]): By image id, in the file's order.
        annotations (list[dict]): All annotations of ``category``, as in the file.

    ``truth[image_id]`` is one image.
    """

    ann_file: str
    num_keypoints: int
    use_area: bool
    category: dict
    images: dict[int, ImageTruth]
    annotations: list[dict] = field(repr=False)

    @property
    def skeleton(self) -> list[tuple[int, int]]:
        """Pairs of keypoint types to connect, from 0; none where the file has none.

        Raises:
            ValueError: If the file has something else there.
        """
        links = self.category.get('skeleton') or []
        numbers = range(1, self.num_keypoints + 1)
        if not isinstance(links, list) or not all(
            isinstance(link, list)
            and len(link) == 2
            and all(type(end) is int and end in numbers for end in link)
            for link in links
        ):
            raise ValueError(
                f'{self.ann_file}: "skeleton" of its category is {short_repr(links)}; '
                f'expected pairs of keypoint numbers from 1 to {self.num_keypoints}. '
                'Correct it or leave it out.'
            )
        return [(a - 1, b - 1) for a, b in links]

    def __getitem__(self, image_id: int) -> ImageTruth:
        return self.images[image_id]

    def __len__(self) -> int:
        return len(self.images)


def load_truth(
    ann_file: str | Path,
    num_keypoints: int | None = None,
    use_area: bool = True,
    iou_type: str = 'keypoints',
    merge_categories: bool = False,
    need_keypoints: bool = True,
) -> Truth:
    """Read and check a COCO-format annotation file.

    A person is an annotation that is no crowd, with a labeled keypoint and, for
    CrowdPose, with a ``num_keypoints`` above zero (it counts visible keypoints only and
    its protocol ignores persons without one). All others are ignore regions.

    Args:
        ann_file (str | Path): The file.
        num_keypoints (int | None): K of the dataset's metainfo. Defaults to the number
            of names in the file's "keypoints" of the category.
        use_area (bool): Whether to judge distances by the annotated ``area``; otherwise
            by 0.53 of the box's, as for CrowdPose. The same as in ``CocoMetric``.
            Defaults to True.
        iou_type (str): As in ``CocoMetric``; 'keypoints_crowd' for CrowdPose. Defaults
            to 'keypoints'.
        merge_categories (bool): Whether several categories with the same keypoints are
            taken as one, as by the dataset's argument. Defaults to False.
        need_keypoints (bool): Whether ignore regions, too, must list their keypoints,
            as the COCO evaluation wants. Defaults to True.

    Returns:
        Truth: The annotations.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has no persons' category, more than one, a fault in an
            annotation, or no ``area`` where it is used, or 0 for everybody.
    """
    name = str(ann_file)
    content = read_annotation_file(name)
    if merge_categories:
        content, _ = as_one_category(content, name)
    category = _persons_category(name, content)
    if num_keypoints is None:
        num_keypoints = _count_names(name, category)
    known = {image.get('id') for image in content['images']}
    annotations = [
        annotation
        for annotation in content.get('annotations', [])
        if annotation.get('category_id') == category['id']
        and annotation.get('image_id') in known
    ]
    checker = AnnotationChecker(
        name, num_keypoints, category['id'], need_keypoints, need_area=use_area
    )
    checker.check(content['images'], annotations)

    def is_person(annotation: dict) -> bool:
        return not ignored_in_evaluation(annotation, iou_type == 'keypoints_crowd')

    check_sizes(name, filter(is_person, annotations), use_area)
    groups = group_by_image(annotations)
    images = {
        image['id']: _image(
            image, groups[image['id']], is_person, num_keypoints, use_area
        )
        for image in content['images']
    }
    return Truth(name, num_keypoints, use_area, category, images, annotations)


def _persons_category(name: str, content: dict) -> dict:
    persons, _ = split_categories(content)
    if len(persons) != 1:
        raise ValueError(
            f'{name} has {len(persons)} categories that may hold keypoints '
            f'({sorted(persons)}); expected one. List it in "categories", give '
            '"keypoints" only to the right one, or, for several with the same '
            'keypoints, ask for merge_categories: of the dataset in the config, or by '
            '--merge-categories without one.'
        )
    return next(c for c in content['categories'] if c['id'] in persons)


def _count_names(name: str, category: dict) -> int:
    names = category.get('keypoints')
    if not names:
        raise ValueError(f'{name} names no "keypoints"; give their num_keypoints.')
    if not isinstance(names, list):
        raise ValueError(
            f'{name}: "keypoints" of its category {short_repr(category["id"])} are '
            f'{short_repr(names)}; expected a list of names.'
        )
    return len(names)


def _image(
    image: dict,
    annotations: list[dict],
    is_person: Callable[[dict], bool],
    num_keypoints: int,
    use_area: bool,
) -> ImageTruth:
    """The persons and regions of one image."""
    persons = [a for a in annotations if is_person(a)]
    regions = [a for a in annotations if not is_person(a)]
    triplets = np.array([a['keypoints'] for a in persons], dtype=float)
    triplets = triplets.reshape(-1, num_keypoints, 3)
    return ImageTruth(
        image_id=image['id'],
        file_name=image['file_name'],
        crowd_index=image.get('crowdIndex'),
        keypoints=triplets[..., :2],
        visibility=triplets[..., 2].astype(int),
        areas=_areas(persons, use_area),
        boxes=_boxes(persons),
        region_boxes=_boxes(regions),
        region_areas=_areas(regions, use_area),
    )


def _boxes(annotations: list[dict]) -> np.ndarray:
    return np.array([a['bbox'] for a in annotations], dtype=float).reshape(-1, 4)


def _areas(annotations: list[dict], use_area: bool) -> np.ndarray:
    if use_area:
        return np.array([a['area'] for a in annotations], dtype=float)
    return BODY_AREA_RATIO * _boxes(annotations)[:, 2:].prod(axis=1)
