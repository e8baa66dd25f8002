# SPDX-License-Identifier: Apache-2.0
"""Packing of samples."""

from collections.abc import Sequence

import torch
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.datasets.transforms.formatting import image_to_tensor
from mmpose.registry import TRANSFORMS
from mmpose.structures import MultilevelPixelData


@TRANSFORMS.register_module()
class PackCenterGroupInputs(PackPoseInputs):
    """Pack image(s), labels and masks for a CenterGroup model.

    Beyond :class:`mmpose.datasets.transforms.PackPoseInputs`, ``input_masks`` become
    ``data_sample.input_masks``, a :class:`mmpose.structures.MultilevelPixelData` with
    the levels of the features and of the input, and the images of a multi-scale test
    stay a list of tensors of different sizes.

    Args:
        meta_keys (Sequence[str]): Keys packed as metainfo, where present.
        pack_transformed (bool): Pack for drawing: heatmaps of the finest level only,
            since the host's visualizer draws one level. Defaults to False.
    """

    def __init__(
        self,
        meta_keys: Sequence[str] = (
            'id',
            'img_id',
            'img_path',
            'category_id',
            'crowd_index',
            'ori_shape',
            'img_shape',
            'input_size',
            'input_center',
            'input_scale',
            'aug_scales',
            'downscales',
            'flip',
            'flip_direction',
            'flip_indices',
            'sigmas',
            'raw_ann_info',
            'dataset_name',
        ),
        pack_transformed: bool = False,
    ) -> None:
        super().__init__(meta_keys=meta_keys, pack_transformed=pack_transformed)

    def transform(self, results: dict) -> dict:
        """Pack a sample.

        Args:
            results (dict): The pipeline's results.

        Returns:
            dict:
            - inputs (Tensor | list[Tensor]): uint8 (3, h, w) BGR, one per scale
            - data_samples (PoseDataSample): Labels, masks and metainfo
        """
        images = results['img']
        if isinstance(images, list):
            packed = super().transform({**results, 'img': images[0]})
            packed['inputs'] = [image_to_tensor(image) for image in images]
        else:
            packed = super().transform(results)

        data_sample = packed['data_samples']
        if 'input_masks' in results:
            masks = {
                name: [torch.from_numpy(mask) for mask in levels]
                for name, levels in results['input_masks'].items()
            }
            data_sample.input_masks = MultilevelPixelData(**masks)
        if self.pack_transformed and 'gt_fields' in data_sample:
            data_sample.gt_fields = data_sample.gt_fields.levels()[-1]
        return packed
