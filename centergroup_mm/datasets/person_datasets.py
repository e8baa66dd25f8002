# SPDX-License-Identifier: Apache-2.0
"""MMPose's bottom-up datasets, with checked annotations and ignore regions."""

import os.path as osp
from collections.abc import Sequence
from copy import deepcopy

import numpy as np
from mmengine.logging import MessageHub, MMLogger
from mmpose.datasets import CocoDataset, CrowdPoseDataset
from mmpose.registry import DATASETS

from ..coco.annotation_checks import AnnotationChecker
from ..coco.annotations import (
    group_by_image,
    has_byte_order_mark,
    read_annotation_file,
    split_categories,
)
from ..coco.categories import as_one_category
from ..coco.evaluation_needs import check_sizes
from ..coco.ignored_people import (
    describe_ignored,
    ignored_in_evaluation,
    ignored_in_training,
)
from .metainfo import name_elsewhere
from .metainfo_files import load_metainfo
from .sigmas import choose_sigmas


class PersonAnnotationMixin:
    """Loading of COCO-style annotations for bottom-up training.

    Placed before a dataset of MMPose, it replaces the way annotations are read:

    - They are checked first; a fault names the file, the annotation, the value found
      and what was expected.
    - *Persons* are annotated instances: no crowd, a box of 1 px^2 at least, a labeled
      keypoint (v > 0). Only they reach the pipeline as keypoints.
    - Everything else (crowds, persons without a labeled keypoint or such a box) is an
      *ignore region*: neither target nor background. Who is ignored is logged.
    - Boxes stay as annotated. They are clipped once the image is loaded, because the
      sizes written in some annotation files are wrong.
    - Images without any annotation are left out in training and kept in testing.

    A sample of N persons and K keypoint types has the keys ``img_id``, ``img_path``,
    ``id`` (annotation ids), ``category_id`` (int), ``raw_ann_info``, ``crowd_index``
    (if the file has it), and

    - ``keypoints`` (N, K, 2) float32 in image pixels, ``keypoints_visible`` (N, K)
      float32, 1 where labeled
    - ``bbox`` (N, 4) float32 x1, y1, x2, y2 in image pixels, unclipped
    - ``ignore_regions``: list of dicts with ``id``, ``segmentation`` as annotated and
      ``bbox`` x1, y1, x2, y2

    Args:
        data_mode (str): Must be 'bottomup', the default.
        use_area (bool): Whether annotations need an ``area`` in testing; give the same
            as in ``CocoMetric``. Defaults to True, but to False for CrowdPose.
        merge_categories (bool): Whether several categories with the same keypoints are
            taken, and evaluated, as one. ``CocoMetric`` then goes without an
            ``ann_file`` of its own. Defaults to False, where they are an error.
        sigmas (float | Sequence[float], optional): Those by which poses are judged, one
            for all keypoint types or one for each. See :func:`choose_sigmas` for the
            default.
        **kwargs: Arguments of the dataset that it is mixed into.

    Raises:
        FileNotFoundError: If the annotation file does not exist.
        ValueError: If it is broken, or has nothing to train or test on.
    """

    def __init__(
        self,
        data_mode: str = 'bottomup',
        use_area: bool = True,
        merge_categories: bool = False,
        sigmas: float | Sequence[float] | None = None,
        **kwargs,
    ) -> None:
        if data_mode != 'bottomup' or kwargs.get('bbox_file'):
            raise ValueError(
                f'{type(self).__name__} serves whole images: expected '
                f"data_mode='bottomup' and no bbox_file, got data_mode={data_mode!r}, "
                f'bbox_file={kwargs.get("bbox_file")!r}.'
            )
        # Annotations may be read while the host's constructor runs.
        self.use_area = use_area
        self.merge_categories = merge_categories
        self._evaluated_from_file = True
        super().__init__(data_mode=data_mode, **kwargs)
        self._metainfo['sigmas'] = choose_sigmas(self._metainfo, sigmas)
        if self.test_mode and not self._evaluated_from_file:
            # CocoMetric then takes the annotations of the samples.
            name = f'{self._metainfo["dataset_name"]}_ann_file'
            MessageHub.get_current_instance().update_info(name, None)

    @classmethod
    def _load_metainfo(cls, metainfo: dict | None = None) -> dict:
        """As the host's, but checked, and in the order of the keypoints' numbers."""
        return load_metainfo(metainfo or cls.METAINFO)

    def load_data_list(self) -> list[dict]:
        """Read, check and split the annotations.

        Returns:
            list[dict]: One sample per image.
        """
        content = read_annotation_file(self.ann_file)
        if self.merge_categories:
            content, remark = as_one_category(content, self.ann_file)
            if remark:
                MMLogger.get_current_instance().info(remark)
        category = self._category(content)
        images, annotations = self._persons_of_images(content)
        checker = AnnotationChecker(
            self.ann_file,
            self.metainfo['num_keypoints'],
            category,
            need_keypoints=self.test_mode,
            need_area=self.test_mode and self.use_area,
        )
        checker.check(images, annotations)
        self._report(content, category, annotations)
        self._metainfo['CLASSES'] = content['categories']

        groups = group_by_image(annotations)
        samples = [
            self._sample(image, groups.get(image['id'], []), category)
            for image in images
            if image['id'] % self.sample_interval == 0
            and (self.test_mode or image['id'] in groups)
        ]
        if not any(self.test_mode or len(sample['keypoints']) for sample in samples):
            ignored = describe_ignored(annotations, ignored_in_training)
            raise ValueError(
                f'{self.ann_file}: none of its {len(images)} images can be used with '
                f'test_mode={self.test_mode}, sample_interval={self.sample_interval}. '
                f'It has {len(annotations)} person annotations; training needs '
                'one at least that is no crowd, with a box in pixels and a labeled '
                'keypoint.' + (f' Not used are {ignored}.' if ignored else '')
            )
        return samples

    def _report(self, content: dict, category: int, annotations: list[dict]) -> None:
        """Say who is left out, and what will make numbers wrong; checked content."""
        logger = MMLogger.get_current_instance()
        reason, what = ignored_in_training, 'training'
        if self.test_mode:
            reason, what = ignored_in_evaluation, 'evaluation'
            persons = [a for a in annotations if not reason(a)]
            for sentence in check_sizes(self.ann_file, persons, self.use_area):
                logger.warning(sentence)
            # The host's metric reads the file itself, all of it, categories apart.
            self._evaluated_from_file = (
                not self.merge_categories
                and self.sample_interval == 1
                and self._indices is None
                and not has_byte_order_mark(self.ann_file)
                and all(
                    annotation.get('category_id') == category
                    for annotation in content.get('annotations', [])
                )
            )
        if ignored := describe_ignored(annotations, reason):
            logger.info(f'{self.ann_file}: {what} ignores {ignored}.')
        entry = next(c for c in content['categories'] if c['id'] == category)
        types = list(self.metainfo['keypoint_name2id'])
        if moved := name_elsewhere(entry.get('keypoints'), types):
            logger.warning(
                f'{self.ann_file}: {moved} Put the metainfo into the order of the '
                'annotations, unless that list is wrong.'
            )

    def get_data_info(self, idx: int) -> dict:
        """As the host's, with ``sigmas``, which the OKS gate of the loss needs."""
        return {**super().get_data_info(idx), 'sigmas': self.metainfo['sigmas']}

    def _persons_of_images(self, content: dict) -> tuple[list[dict], list[dict]]:
        """Images, and the annotations of persons in one of them."""
        annotations = content.get('annotations')
        if annotations is None and not self.test_mode:
            raise ValueError(
                f'{self.ann_file} has no list "annotations"; training needs one.'
            )
        _, other_categories = split_categories(content)
        known = {image.get('id') for image in content['images']}
        persons = [
            annotation
            for annotation in annotations or []
            if annotation.get('category_id') not in other_categories
        ]
        kept = [person for person in persons if person.get('image_id') in known]
        if persons and not kept:
            raise ValueError(
                f'{self.ann_file}: no annotation belongs to an image of the file. '
                f'The first has the "image_id" {persons[0].get("image_id")!r}; '
                'expected the "id" of an image.'
            )
        if len(kept) < len(persons):
            MMLogger.get_current_instance().warning(
                f'{self.ann_file}: {len(persons) - len(kept)} of {len(persons)} person '
                'annotations belong to no image of the file and are left out.'
            )
        return content['images'], kept

    def _category(self, content: dict) -> int:
        """The category that predictions are evaluated as."""
        categories, _ = split_categories(content)
        if len(categories) != 1:
            raise ValueError(
                f'{self.ann_file} has {len(categories)} categories that may hold '
                f'keypoints ({sorted(categories)}); expected one, since predictions '
                'are evaluated as one category. List it in "categories", give '
                '"keypoints" only to the right one, or, for several with the same '
                'keypoints, give the dataset merge_categories=True.'
            )
        return categories.pop()

    def _sample(self, image: dict, annotations: list[dict], category: int) -> dict:
        """The sample of one image."""
        num_keypoints = self.metainfo['num_keypoints']
        persons, ignore_regions = [], []
        for annotation in annotations:
            if ignored_in_training(annotation) is None:
                persons.append(annotation)
            else:
                ignore_regions.append(
                    {
                        'id': annotation['id'],
                        'segmentation': annotation.get('segmentation'),
                        'bbox': _corners(annotation['bbox']),
                    }
                )
        triplets = np.array(
            [person['keypoints'] for person in persons], dtype=np.float32
        ).reshape(-1, num_keypoints, 3)
        boxes = [_corners(person['bbox']) for person in persons]
        sample = {
            'img_id': image['id'],
            'img_path': osp.join(self.data_prefix['img'], image['file_name']),
            'id': [annotation['id'] for annotation in annotations],
            'category_id': category,
            # The host's metric may read these, and needs to know of crowds.
            'raw_ann_info': [{'iscrowd': 0, **deepcopy(a)} for a in annotations],
            'keypoints': triplets[..., :2],
            'keypoints_visible': (triplets[..., 2] > 0).astype(np.float32),
            'bbox': np.array(boxes, dtype=np.float32).reshape(-1, 4),
            'ignore_regions': ignore_regions,
        }
        if 'crowdIndex' in image:
            sample['crowd_index'] = image['crowdIndex']
        return sample


def _corners(bbox: list[float]) -> list[float]:
    """Box x, y, width, height as x1, y1, x2, y2."""
    x, y, width, height = bbox
    return [x, y, x + width, y + height]


@DATASETS.register_module()
class CenterGroupCocoDataset(PersonAnnotationMixin, CocoDataset):
    """COCO keypoints, and any dataset in its format through ``metainfo``.

    For other keypoint types pass ``metainfo=dict(from_file='my_keypoints.py')``; no
    code is needed. See :class:`PersonAnnotationMixin` for samples and checks, and
    :class:`mmpose.datasets.CocoDataset` for the arguments.
    """


@DATASETS.register_module()
class CenterGroupCrowdPoseDataset(PersonAnnotationMixin, CrowdPoseDataset):
    """CrowdPose with its 14 keypoint types and crowd index, and without areas.

    See :class:`PersonAnnotationMixin` for samples and checks, and
    :class:`mmpose.datasets.CrowdPoseDataset` for the arguments.
    """

    def __init__(self, use_area: bool = False, **kwargs) -> None:
        super().__init__(use_area=use_area, **kwargs)
