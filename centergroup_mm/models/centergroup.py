# SPDX-License-Identifier: Apache-2.0
"""The pose estimator: a detector that may be frozen, and checked weights."""

from mmpose.registry import MODELS
from mmpose.utils.typing import SampleList
from torch import Tensor, nn

from .batched_estimator import BatchedPoseEstimator
from .checkpoints import CheckpointMismatchError, is_pruned
from .trained import any_is_initial, batch_norms


@MODELS.register_module()
class CenterGroup(BatchedPoseEstimator):
    """Bottom-up pose estimator with center-keypoint grouping by attention.

    Beyond its base: the detector's batch norms may be frozen, and a checkpoint may be
    pruned for inference.

    Args:
        freeze_detector_bn (bool): Keep the batch norms of the detector (backbone, neck
            and heatmap layers) at the statistics and scales they were loaded with, as
            the paper's training does. Training then needs a trained detector, from
            ``load_from`` or ``init_cfg``. Defaults to True.
        **kwargs: As in :class:`BatchedPoseEstimator`.
    """

    def __init__(self, *args, freeze_detector_bn: bool = True, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.freeze_detector_bn = freeze_detector_bn
        # Whether they were looked at since weights were loaded: not in each iteration,
        # for that would wait for the device.
        self._norms_are_checked = False
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
            RuntimeError: If the detector's batch norms are frozen but not trained:
                they would stay at their initial values for good.
        """
        if self.freeze_detector_bn and not self._norms_are_checked:
            self._check_norms()
            self._norms_are_checked = True
        return super().loss(inputs, data_samples)

    def _check_norms(self) -> None:
        """Frozen batch norms must be trained ones."""
        if any_is_initial(self._detector_norms()):
            raise RuntimeError(
                'freeze_detector_bn=True needs a trained detector, but batch norms of '
                'backbone, neck or heatmap layers have their initial statistics. Pass '
                'a HigherHRNet checkpoint with centers, '
                '`--cfg-options load_from=DETECTOR.pth`, or train everything from '
                'scratch with `--cfg-options model.freeze_detector_bn=False`. Where '
                'the detector came by init_cfg, its file does not fit all of them.'
            )

    def _detector_norms(self) -> list[nn.Module]:
        """The batch norms of backbone, neck and heatmap layers."""
        return batch_norms(*self.detector_parts().values())

    def check_weights(self, weights: dict[str, Tensor]) -> None:
        """Refuse weights that do not fit; for pruned ones the model is pruned too.

        Raises:
            CheckpointMismatchError: Says which keys differ.
        """
        own = self.state_dict()
        if is_pruned(weights, own):
            raise CheckpointMismatchError(
                'This model was pruned for inference by the checkpoint that it was '
                'loaded from, and these weights are of one that was not. Build the '
                'model anew before you load them.'
            )
        super().check_weights(weights)
        if is_pruned(own, weights):
            self.head.grouping.prune()
        self._norms_are_checked = False
