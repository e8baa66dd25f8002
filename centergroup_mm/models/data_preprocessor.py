# SPDX-License-Identifier: Apache-2.0
"""Normalization and batching of images, at one or several scales."""

from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.registry import MODELS


@MODELS.register_module()
class MultiScaleDataPreprocessor(PoseDataPreprocessor):
    """The host's preprocessor, which also takes the scales of a multi-scale test.

    Images of different sizes are padded at the bottom and on the right, scale by scale.

    Args:
        **kwargs: As in :class:`mmpose.models.PoseDataPreprocessor`.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalize, pad and stack.

        Args:
            data (dict): A collated batch of B images: ``data_samples``, and ``inputs``,
                a list of B tensors (3, h, w), or a list of such lists, scale 1 first.
            training (bool): Whether augmentations of whole batches are applied.

        Returns:
            dict: ``data_samples``, and ``inputs`` (B, 3, H, W), or a tuple of these,
            one per scale.
        """
        inputs = data['inputs']
        if not isinstance(inputs[0], (list, tuple)):
            return super().forward(data, training)
        batches = []
        for images in reversed(inputs):
            # Scale 1 comes last, for its sizes stay in the metainfo.
            batch = super().forward({**data, 'inputs': images}, training)
            batches.insert(0, batch['inputs'])
        return {**batch, 'inputs': tuple(batches)}
