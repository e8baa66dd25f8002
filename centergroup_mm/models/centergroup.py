# SPDX-License-Identifier: Apache-2.0
"""The pose estimator: the host's, with both views in one batch and checked weights."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from mmpose.models.pose_estimators import BottomupPoseEstimator
from mmpose.registry import MODELS
from mmpose.utils.typing import SampleList
from torch import Tensor, nn

from .checkpoints import holds_grouping, is_pruned, rename_detector


@MODELS.register_module()
class CenterGroup(BottomupPoseEstimator):
    """Bottom-up pose estimator with center-keypoint grouping by attention.

    Beyond the host's :class:`BottomupPoseEstimator`: the mirrored view of the flip test
    runs in one batch with the original, batches may mix image sizes, and a checkpoint
    must fit (see :mod:`centergroup_mm.models.checkpoints`).

    Args:
        freeze_detector_bn (bool): Keep the batch norms of the detector (backbone and
            heatmap layers) at the statistics and scales they were loaded with, as the
            paper's training does. Training then needs a trained detector in
            ``load_from``. Defaults to True.
        **kwargs: As in :class:`BottomupPoseEstimator`.
    """

    def __init__(self, *args, freeze_detector_bn: bool = True, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.freeze_detector_bn = freeze_detector_bn
        # Whether weights were loaded, for the two errors below.
        self._detector_is_loaded = False
        self._grouping_is_random = False
        self._register_load_state_dict_pre_hook(self._check_weights)
        if freeze_detector_bn:
            for module in self._detector_norms():
                module.requires_grad_(False)

    def train(self, mode: bool = True) -> 'CenterGroup':
        """Set the mode, the detector's batch norms staying in evaluation."""
        super().train(mode)
        if mode and self.freeze_detector_bn:
            for module in self._detector_norms():
                module.eval()
        return self

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of a batch, see :meth:`CenterGroupHead.loss`.

        Raises:
            RuntimeError: If the detector's batch norms are frozen but no detector was
                loaded: they would stay at their initial values for good.
        """
        if self.freeze_detector_bn and not self._detector_is_loaded:
            raise RuntimeError(
                'freeze_detector_bn=True needs a trained detector, but none was '
                'loaded. Pass a HigherHRNet checkpoint with centers, '
                '`--cfg-options load_from=DETECTOR.pth`, or train everything from '
                'scratch with `--cfg-options model.freeze_detector_bn=False`.'
            )
        self._grouping_is_random = False
        return super().loss(inputs, data_samples)

    def predict(
        self, inputs: Tensor | Sequence[Tensor], data_samples: SampleList
    ) -> SampleList:
        """Predict the poses of a batch.

        Args:
            inputs (Tensor | Sequence[Tensor]): (B, 3, H, W), images padded at the
                bottom and on the right to a common size; a sequence of these for the
                scales of a multi-scale test, scale 1 first.
            data_samples (list[PoseDataSample]): B samples with ``input_size``,
                ``input_center`` and ``input_scale`` in their metainfo.

        Returns:
            list[PoseDataSample]: The samples with ``pred_instances`` in image pixels.

        Raises:
            RuntimeError: If only the detector's weights were loaded and the grouping
                was not trained since.
            ValueError: If there are several scales without ``multiscale_test``, or one
                with it.
        """
        if self._grouping_is_random:
            raise RuntimeError(
                'Only the detector was loaded, the grouping is random. Load a '
                'CenterGroup checkpoint, or train from the detector first.'
            )
        scales = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        self._check_scales(len(scales))
        for size, indices in _group_by_size(data_samples).items():
            self._predict_size(
                [_crop(scale[indices], size, scales[0]) for scale in scales],
                [data_samples[i] for i in indices],
            )
        return data_samples

    def _check_scales(self, num_scales: int) -> None:
        """The switch in ``test_cfg`` and the pipeline must agree."""
        multiscale = self.test_cfg.get('multiscale_test', False)
        if multiscale != (num_scales > 1):
            raise ValueError(
                f'The pipeline gives {num_scales} scale(s), but model.test_cfg has '
                f'multiscale_test={multiscale}. A multi-scale test needs both: '
                'multiscale_test=True and aug_scales=[0.5, 2] in '
                'BottomupAlignedResize.'
            )

    def _predict_size(self, scales: list[Tensor], samples: SampleList) -> None:
        """Predict images of one input size and write the poses into the samples."""
        flip = self.test_cfg.get('flip_test', False)
        feats = []
        for images in scales:
            if flip:
                views = self.extract_feat(torch.cat((images, images.flip(-1))))
                feats.append(list(zip(*(f.chunk(2) for f in views), strict=True)))
            else:
                feats.append(self.extract_feat(images))
        if not self.test_cfg.get('multiscale_test', False):
            (feats,) = feats
        preds = self.head.predict(feats, samples, test_cfg=self.test_cfg)
        instances, fields = preds if isinstance(preds, tuple) else (preds, None)
        self.add_pred_to_datasample(instances, fields, samples)

    def _detector_norms(self) -> list[nn.Module]:
        """The batch norms of backbone and heatmap layers."""
        detector = (self.backbone, self.head.detector)
        return [
            module
            for part in detector
            for module in part.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
        ]

    def _check_weights(self, state_dict: dict, prefix: str, *_) -> None:
        """Before weights are loaded: refuse misfits.

        A plain detector's weights are renamed; for pruned ones the model is pruned too.
        """
        keys = [key for key in state_dict if key.startswith(prefix)]
        weights = {key[len(prefix) :]: state_dict.pop(key) for key in keys}
        weights = rename_detector(weights)
        if is_pruned(self.state_dict(), weights):
            self.head.grouping.prune()
        state_dict.update((prefix + key, weight) for key, weight in weights.items())
        self._grouping_is_random = not holds_grouping(self.state_dict(), weights)
        self._detector_is_loaded = True


def _group_by_size(samples: SampleList) -> dict[tuple[int, int], list[int]]:
    """Indices of the samples of each input size [w, h]."""
    groups = defaultdict(list)
    for index, sample in enumerate(samples):
        groups[tuple(int(side) for side in sample.metainfo['input_size'])].append(index)
    return groups


def _crop(images: Tensor, size: tuple[int, int], reference: Tensor) -> Tensor:
    """Undo the padding of a batch.

    Args:
        images (Tensor): (B, 3, H_s, W_s), at some test scale.
        size (tuple[int, int]): Input [w, h] of these images at scale 1.
        reference (Tensor): The batch at scale 1, (..., H, W).

    Returns:
        Tensor: (B, 3, h_s, w_s).
    """
    height = size[1] * images.shape[-2] // reference.shape[-2]
    width = size[0] * images.shape[-1] // reference.shape[-1]
    return images[..., :height, :width]
