# SPDX-License-Identifier: Apache-2.0
"""Small people of five keypoint types, placed by hand."""

import copy
import json

import numpy as np
import pytest

from centergroup_mm.coco import Poses, load_truth

NUM_KEYPOINTS = 5
FLIP_INDICES = np.array([0, 2, 1, 4, 3])
SIGMAS = np.full(NUM_KEYPOINTS, 0.05)
# With this area a keypoint d px away has the similarity exp(-d^2 / 200).
AREA = 10000.0
# Head, left and right hand, left and right foot; all further apart than 100 px.
BODY = np.array([[0, 0], [-150, 150], [150, 150], [-150, 400], [150, 400]], float)


def place_body(x: float, y: float = 500.0) -> np.ndarray:
    """(K, 2) keypoints of a person with its head at (x, y)."""
    return BODY + (x, y)


def person(keypoints, visibility=2, **other) -> dict:
    """An annotation; ``visibility`` is a number for all or a list."""
    values = np.broadcast_to(visibility, NUM_KEYPOINTS)
    corner, extent = keypoints.min(0), np.ptp(keypoints, axis=0)
    annotation = dict(
        category_id=1,
        iscrowd=0,
        keypoints=np.column_stack([keypoints, values]).ravel().tolist(),
        num_keypoints=int((values > 0).sum()),
        bbox=[*corner.tolist(), *extent.tolist()],
        area=AREA,
    )
    return annotation | other


def region(box, iscrowd=1, **other) -> dict:
    """A crowd, or with ``iscrowd=0`` a person without labeled keypoints."""
    annotation = dict(
        category_id=1,
        iscrowd=iscrowd,
        keypoints=[0] * 3 * NUM_KEYPOINTS,
        num_keypoints=0,
        bbox=box,
        area=box[2] * box[3],
    )
    return annotation | other


def as_poses(keypoints, scores=None, keypoint_scores=None) -> Poses:
    """Poses of lists; scores fall from pose to pose if not given."""
    keypoints = np.array(keypoints, float).reshape(-1, NUM_KEYPOINTS, 2)
    count = len(keypoints)
    scores = np.linspace(0.9, 0.5, count) if scores is None else np.array(scores)
    if keypoint_scores is None:
        keypoint_scores = np.full((count, NUM_KEYPOINTS), 0.8)
    return Poses(keypoints, np.array(keypoint_scores), scores)


@pytest.fixture
def make_truth(tmp_path):
    """Writes and loads annotations given as {image_id: [annotation, ...]}."""

    def make(images, crowd_indices=None, **kwargs):
        entries = [
            dict(id=image_id, file_name=f'{image_id}.jpg', width=2000, height=1000)
            for image_id in images
        ]
        for entry in entries:
            if crowd_indices:
                entry['crowdIndex'] = crowd_indices[entry['id']]
        annotations = [
            dict(copy.deepcopy(annotation), image_id=image_id)
            for image_id, found in images.items()
            for annotation in found
        ]
        for number, annotation in enumerate(annotations):
            annotation['id'] = number + 1
        category = dict(id=1, name='person', keypoints=[*'abcde'], skeleton=[])
        path = tmp_path / 'truth.json'
        path.write_text(
            json.dumps(
                dict(images=entries, annotations=annotations, categories=[category])
            )
        )
        return load_truth(path, **kwargs)

    return make
