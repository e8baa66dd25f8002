# SPDX-License-Identifier: Apache-2.0
"""Masks of where the image is, and where it is supervised."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

from ...runtime.mask_warp import warp_area, warp_masks
from ..masks import region_mask


@TRANSFORMS.register_module()
class BottomupInputMasks(BaseTransform):
    """Masks of a training sample, after augmentation.

    *Valid* is the inside of the image, *supervised* the part of it outside of every
    ignore region (crowds, persons without an annotated keypoint). Each is warped from
    the image straight to its resolution and kept from one half on. Regions are read
    from run lengths, polygons, any mixture of them, or, failing both, from their box.
    """

    def transform(self, results: dict) -> dict:
        """Add the masks.

        Args:
            results (dict): ``ori_shape`` (H, W), ``warp_mat`` (2, 3), ``input_size``
                [w, h], ``ignore_regions``, ``flip`` if the image was mirrored after the
                warp, and ``downscales``, which the codec of ``GenerateTarget`` adds.

        Returns:
            dict: With ``heatmap_mask``, a list of float32 (1, h', w') at each of the
            codec's downscales, 1/4 and 1/2: supervised; and ``input_masks``, a dict of
            lists of bool (1, h', w') at the first of them and at full resolution:
            ``valid`` and ``supervised``.

        Raises:
            ValueError: If a region cannot be read, the image was flipped otherwise
                than horizontally, or there are no targets yet.
        """
        if results.get('flip_direction') not in (None, 'horizontal'):
            raise ValueError(
                'BottomupInputMasks follows horizontal flips only, got '
                f'flip_direction={results["flip_direction"]!r}; set '
                "direction='horizontal' of RandomFlip."
            )
        if 'downscales' not in results:
            raise ValueError(
                'BottomupInputMasks follows GenerateTarget, whose encoder, a '
                'CenterHeatmap, says at which resolutions masks are wanted.'
            )
        downscales = results['downscales']
        height, width = results['ori_shape']
        warp = (results['warp_mat'], results['input_size'], (*downscales, 1))
        flip = bool(results.get('flip'))
        valid = supervised = warp_area((width, height), *warp, flip)
        if results['ignore_regions']:
            supervised = warp_masks(~self._ignored(results), *warp, flip)
        results['heatmap_mask'] = [mask.astype(np.float32) for mask in supervised[:-1]]
        results['input_masks'] = {
            'valid': [valid[0], valid[-1]],
            'supervised': [supervised[0], supervised[-1]],
        }
        return results

    @staticmethod
    def _ignored(results: dict) -> np.ndarray:
        """Union of the ignore regions, bool (H, W)."""
        height, width = results['ori_shape']
        ignored = np.zeros((height, width), dtype=bool)
        for region in results['ignore_regions']:
            try:
                ignored |= region_mask(
                    region['segmentation'], region['bbox'], (width, height)
                )
            except ValueError as error:
                raise ValueError(
                    f'Annotation {region["id"]} of image {results["img_path"]} has '
                    f'{error}. Correct its "segmentation".'
                ) from error
        return ignored
