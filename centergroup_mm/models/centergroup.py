# SPDX-License-Identifier: Apache-2.0
"""The pose estimator: a detector that may be frozen, and checked weights."""

from mmpose.registry import MODELS
from mmpose.utils.typing import SampleList
from torch import Tensor, nn

from .batched_estimator import BatchedPoseEstimator
from .checkpoints import is_pruned


@MODELS.register_module()
class CenterGroup(BatchedPoseEstimator):
    """Bottom-up pose estimator with center-keypoint grouping by attention.

    Beyond its base: the detector's batch norms may be frozen, and a checkpoint may be
    pruned for inference.

    Args:
        freeze_detector_bn (bool): Keep the batch norms of the detector (backbone and
            heatmap layers) at the statistics and scales they were loaded with, as the
            paper's training does. Training then needs a trained detector in
            ``load_from``. Defaults to True.
        **kwargs: As in :class:`BatchedPoseEstimator`.
    """

    def __init__(self, *args, freeze_detector_bn: bool = True, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.freeze_detector_bn = freeze_detector_bn
        self._detector_is_loaded = False
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
        return super().loss(inputs, data_samples)

    def _detector_norms(self) -> list[nn.Module]:
        """The batch norms of backbone and heatmap layers."""
        detector = (self.backbone, self.head.detector)
        return [
            module
            for part in detector
            for module in part.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
        ]

    def check_weights(self, weights: dict[str, Tensor]) -> None:
        """Refuse weights that do not fit; for pruned ones the model is pruned too.

        Raises:
            CheckpointMismatchError: Says which keys differ.
        """
        if is_pruned(self.state_dict(), weights):
            self.head.grouping.prune()
        super().check_weights(weights)
        self._detector_is_loaded = True
