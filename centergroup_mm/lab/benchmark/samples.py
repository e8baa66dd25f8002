# SPDX-License-Identifier: Apache-2.0
"""Samples made by hand, and the transforms that complete them."""

from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.registry import DefaultScope
from mmpose.registry import TRANSFORMS

from ...coco import People

# What a dataset hands on of its metainfo.
_METAINFO = ('flip_indices', 'sigmas', 'dataset_keypoint_weights')


def loaded_results(people: People, metainfo: Mapping) -> dict:
    """What a dataset says of people, without their image and boxes.

    Args:
        people (People): In image pixels.
        metainfo (Mapping): Of the dataset, with flip indices, sigmas and weights.
    """
    return dict(
        keypoints=people.keypoints.astype(np.float32),
        keypoints_visible=people.labeled.astype(np.float32),
        **{name: metainfo[name] for name in _METAINFO},
    )


def cropped_results(
    people: People, size: tuple[int, int], metainfo: Mapping, **others
) -> dict:
    """What a training pipeline has of a black image that fills the input.

    Targets, masks and packing are still to come.

    Args:
        people (People): In input pixels.
        size (tuple[int, int]): Input [w, h].
        metainfo (Mapping): As in :func:`loaded_results`.
        **others: More keys, or other values for these.
    """
    results = loaded_results(people, metainfo)
    keypoints = results['keypoints']
    return (
        dict(
            results,
            img=np.zeros((*size[::-1], 3), np.uint8),
            img_path='by_hand.png',
            transformed_keypoints=keypoints,
            box_areas=np.ptp(keypoints, axis=1).prod(1),
            ori_shape=size[::-1],
            img_shape=size[::-1],
            input_size=size,
            input_center=np.array(size, np.float32) / 2,
            input_scale=np.array(size, np.float32),
            warp_mat=np.eye(2, 3, dtype=np.float32),
            ignore_regions=[],
        )
        | others
    )


def run_pipeline(transforms: Sequence[dict], results: dict) -> dict:
    """Build transforms by their configs and apply them, one after the other."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        for transform in transforms:
            results = TRANSFORMS.build(transform)(results)
    return results
