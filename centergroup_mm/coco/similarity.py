# SPDX-License-Identifier: Apache-2.0
"""COCO's similarities between poses and annotated persons."""

import numpy as np

# COCO takes 0.53 of a box as the area of the body in it.
BODY_AREA_RATIO = 0.53


def keypoint_similarity(
    points: np.ndarray, targets: np.ndarray, areas: np.ndarray, sigmas: np.ndarray
) -> np.ndarray:
    """exp(-d^2 / (2 area (2 sigma)^2)) of each keypoint.

    Args:
        points (np.ndarray): (..., K, 2) in pixels.
        targets (np.ndarray): (..., K, 2) in the same pixels.
        areas (np.ndarray): (...) of the targets' persons, px^2.
        sigmas (np.ndarray): (K,) of the dataset's metainfo.

    Returns:
        np.ndarray: (..., K) in [0, 1]; leading dimensions are broadcast.
    """
    squared = np.square(points - targets).sum(axis=-1)
    # The spacing is COCO's guard against areas of zero.
    scale = np.asarray(areas)[..., None] + np.spacing(1)
    return np.exp(-squared / (2 * scale * np.square(2 * np.asarray(sigmas))))


def object_keypoint_similarity(
    poses: np.ndarray,
    keypoints: np.ndarray,
    labeled: np.ndarray,
    areas: np.ndarray,
    sigmas: np.ndarray,
) -> np.ndarray:
    """OKS: the mean similarity over a person's labeled keypoints.

    Args:
        poses (np.ndarray): (N, K, 2) in pixels.
        keypoints (np.ndarray): (G, K, 2) in the same pixels.
        labeled (np.ndarray): (G, K), True for keypoints that count.
        areas (np.ndarray): (G,) in px^2.
        sigmas (np.ndarray): (K,).

    Returns:
        np.ndarray: (N, G); 0 for persons without a labeled keypoint.
    """
    similarity = keypoint_similarity(poses[:, None], keypoints, areas, sigmas)
    return (similarity * labeled).sum(-1) / np.maximum(labeled.sum(-1), 1)


def region_similarity(
    poses: np.ndarray, boxes: np.ndarray, areas: np.ndarray, sigmas: np.ndarray
) -> np.ndarray:
    """COCO's similarity of poses and ignore regions, by how far keypoints lie outside.

    Nothing counts as outside within a box's width to its left and right and its height
    above and below.

    Args:
        poses (np.ndarray): (N, K, 2) in pixels.
        boxes (np.ndarray): (R, 4) x, y, width, height in the same pixels.
        areas (np.ndarray): (R,) in px^2.
        sigmas (np.ndarray): (K,).

    Returns:
        np.ndarray: (N, R) in [0, 1].
    """
    corners, extents = boxes[:, None, :2], boxes[:, None, 2:]
    points = poses[:, None]
    nearest = np.clip(points, corners - extents, corners + 2 * extents)
    return keypoint_similarity(points, nearest, areas, sigmas).mean(axis=-1)
