# SPDX-License-Identifier: Apache-2.0
"""COCO annotations of a drawn scene, read off its masks.

Px coordinates are continuous: pixel i spans [i, i + 1).
"""

import cv2
import numpy as np

from ...coco.crowding import crowd_index
from ...coco.rle import encode_rle
from .figure import EAR_SEEN, EYE_SEEN, Figure, Layer
from .keypoints import ANATOMY, ANATOMY_LINKS, KeypointSet
from .render import SUPERSAMPLING
from .scene import CROWD_ID, Scene

# A person of whom fewer keypoints are seen is left unannotated.
MIN_SEEN = 6

_NEIGHBORS = {
    name: [b if a == name else a for a, b in ANATOMY_LINKS if name in (a, b)]
    for name in ANATOMY
}


def annotate_scene(scene: Scene, keypoint_set: KeypointSet) -> tuple[list[dict], float]:
    """Return the annotations of a scene and its crowd index.

    Annotations lack only `id` and `image_id`. `keypoints` follow COCO: 2 seen,
    1 hidden by somebody else or by the person's own body but labeled, 0 not
    labeled. `segmentation` is what is seen of the person, as in COCO; `bbox`
    and `area` are of its whole body inside the image, hidden parts included, so
    that labeled hidden keypoints lie in the box and the keypoint similarity is
    not tightened by occlusion. A person of whom nothing is seen is left out.
    """
    annotations = []
    for index, person in enumerate(scene.people):
        seen = (scene.instances == index + 1).astype(np.uint8)
        polygons = mask_to_polygons(seen)
        if not polygons:
            continue
        keypoints = np.zeros((len(keypoint_set.names), 3))
        if person.annotated:
            labels = label_points(scene, index)
            keypoints = np.array([labels[name] for name in keypoint_set.names])
            if (keypoints[:, 2] == 2).sum() < MIN_SEEN:
                keypoints[:] = 0
        annotations.append(
            dict(
                category_id=1,
                iscrowd=0,
                num_keypoints=int((keypoints[:, 2] > 0).sum()),
                keypoints=[_number(v) for v in keypoints.ravel()],
                segmentation=polygons,
                **_box_and_area(person.silhouette),
            )
        )
    crowd = scene.instances == CROWD_ID
    if crowd.any():
        annotations.append(_crowd_region(crowd, len(keypoint_set.names)))
    return annotations, crowd_index(annotations)


def label_points(scene: Scene, index: int) -> dict[str, tuple[float, float, int]]:
    """Return (x, y, v) of every anatomical point of the scene's person `index`.

    A hidden point (behind another body, or behind a nearer part of its own) is
    labeled if it is linked to a point that is seen (`ANATOMY_LINKS`).
    A point outside the image or on the far side of the head is not labeled.
    """
    figure = scene.people[index].figure
    size = scene.image.shape[0]
    points, state = {}, {}
    for name in ANATOMY:
        x, y = (round(float(v), 2) for v in figure.points[name][:2])
        points[name] = x, y
        if not (0 <= x < size and 0 <= y < size) or _behind_head(figure, name):
            state[name] = 0
        elif scene.instances[_pixel(y), _pixel(x)] != index + 1:
            state[name] = 1
        else:
            state[name] = 1 if hides_itself(figure, name) else 2
    labels = {}
    for name, v in state.items():
        if v == 1 and not any(state[other] == 2 for other in _NEIGHBORS[name]):
            v = 0
        labels[name] = (*points[name], v) if v else (0.0, 0.0, 0)
    return labels


def hides_itself(figure: Figure, name: str) -> bool:
    """Whether a nearer part of the same body covers a point.

    The torso does not hide the shoulders and hips, which are its own.
    """
    carriers = [i for i, layer in enumerate(figure.layers) if name in layer.points]
    x, y = figure.points[name][:2]
    return any(
        _covers(layer, (float(x), float(y)))
        for layer in figure.layers[max(carriers) + 1 :]
    )


def _covers(layer: Layer, point) -> bool:
    return any(
        cv2.pointPolygonTest(shape.outline, point, False) >= 0 for shape in layer.shapes
    )


def _behind_head(figure: Figure, name: str) -> bool:
    facing = figure.body.facing.get(name)
    return facing is not None and facing < (EAR_SEEN if 'ear' in name else EYE_SEEN)


def _pixel(value: float) -> int:
    return int(value * SUPERSAMPLING)


def _number(value: float) -> float | int:
    """Write whole numbers as integers, as COCO does."""
    value = round(float(value), 2)
    return int(value) if value.is_integer() else value


def _box_and_area(mask: np.ndarray) -> dict:
    """Return `bbox` (x, y, w, h) and `area` in image px of a doubled mask."""
    box = [v / SUPERSAMPLING for v in cv2.boundingRect(mask)]
    return {'bbox': box, 'area': cv2.countNonZero(mask) / SUPERSAMPLING**2}


def mask_to_polygons(mask: np.ndarray, min_area: float = 4.0) -> list[list[float]]:
    """Return the outer outlines of a doubled mask as COCO polygons in image px.

    Pieces smaller than `min_area` px are dropped.
    """
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    polygons = []
    for contour in contours:
        contour = cv2.approxPolyDP(contour, 0.8, True)
        if len(contour) < 3 or cv2.contourArea(contour) < min_area * SUPERSAMPLING**2:
            continue
        corners = (contour[:, 0] + 0.5) / SUPERSAMPLING
        polygons.append([round(float(v), 2) for v in corners.ravel()])
    return polygons


def _crowd_region(mask: np.ndarray, num_types: int) -> dict:
    """Return one annotation over all the people of a crowd region."""
    size = mask.shape[0] // SUPERSAMPLING
    blocks = mask.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING)
    region = blocks.any(axis=(1, 3))
    return {
        'category_id': 1,
        'iscrowd': 1,
        'num_keypoints': 0,
        'keypoints': [0] * (3 * num_types),
        'segmentation': encode_rle(region),
        'bbox': [float(v) for v in cv2.boundingRect(region.astype(np.uint8))],
        'area': float(region.sum()),
    }
