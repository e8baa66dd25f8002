# SPDX-License-Identifier: Apache-2.0
"""Codecs between keypoint coordinates and what the network learns and predicts."""

from .center_heatmap import CenterHeatmap

__all__ = ['CenterHeatmap']
