# SPDX-License-Identifier: Apache-2.0
"""Heatmaps laid over an image."""

import cv2
import numpy as np
import torch
from mmengine.visualization import Visualizer
from torch import Tensor


def overlay_heatmaps(image: np.ndarray, heatmaps: np.ndarray | Tensor) -> np.ndarray:
    """Lay the maximum of all heatmaps over an image, in the host's colors.

    Args:
        image (np.ndarray): (H, W, 3) uint8, BGR.
        heatmaps (np.ndarray | Tensor): (K, h, w), of the whole image; the
            ``pred_fields.heatmaps`` of a sample.

    Returns:
        np.ndarray: (H, W, 3) uint8, BGR.
    """
    strongest = torch.as_tensor(heatmaps).float().amax(0).cpu().numpy()
    strongest = cv2.resize(strongest, image.shape[1::-1])
    rgb = Visualizer.draw_featmap(
        torch.from_numpy(strongest)[None], np.ascontiguousarray(image[..., ::-1])
    )
    return np.ascontiguousarray(rgb[..., ::-1])
