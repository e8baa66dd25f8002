# SPDX-License-Identifier: Apache-2.0
"""The host's estimator, with both views in one batch and batches of mixed sizes."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from mmpose.models.pose_estimators import BottomupPoseEstimator
from mmpose.registry import MODELS
from mmpose.utils.typing import SampleList
from torch import Tensor, nn

from ..ops.flip import split_views
from .checkpoints import holds_grouping
from .explanation import explanation_to_image
from .trained import any_is_initial, batch_norms

AUTOCAST_DTYPES = ('bfloat16', 'float16')


@MODELS.register_module()
class BatchedPoseEstimator(BottomupPoseEstimator):
    """Bottom-up pose estimator whose tests run in batches.

    Beyond the host's :class:`BottomupPoseEstimator`: the mirrored view of the flip test
    runs in one batch with the original, batches may mix image sizes, with the result of
    one image after the other, a checkpoint must fit (see
    :mod:`centergroup_mm.models.checkpoints`), and ``autocast='bfloat16'`` or
    ``'float16'`` in ``test_cfg`` tests in mixed precision; coordinates and heatmaps
    behind the network stay in single precision.

    Args:
        channels_last (bool, optional): Keep convolutions' weights, and with them all
            maps, in memory pixel by pixel instead of channel by channel: the same
            numbers. Defaults to None: in evaluation on a CPU, where it is faster; not
            in training, where it is slower at W32 (docs/performance.md).
        **kwargs: As in :class:`BottomupPoseEstimator`.
    """

    def __init__(self, *args, channels_last: bool | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.channels_last = channels_last
        # How weights lie by now: to bring all of them there takes time, and the host
        # sets the mode before each iteration.
        self._is_by_pixel: bool | None = None
        # Whether what groups was found to be trained since weights were loaded: not
        # looked at for each batch, for that would wait for the device.
        self._grouping_is_trained = False
        self._register_load_state_dict_pre_hook(self._check_state_dict)

    def train(self, mode: bool = True) -> 'BatchedPoseEstimator':
        """Set the mode, and the memory format that goes with it."""
        by_pixel = self.channels_last
        if by_pixel is None:
            by_pixel = not mode and next(self.parameters()).device.type == 'cpu'
        if by_pixel != self._is_by_pixel:
            self.to(
                memory_format=torch.channels_last
                if by_pixel
                else torch.contiguous_format
            )
            self._is_by_pixel = by_pixel
        return super().train(mode)

    def detector_parts(self) -> dict[str, nn.Module]:
        """What finds keypoints before anything groups them: modules by their names.

        They are trained first, and another method may start from them. Empty for a
        head that does not tell its detector from the rest, as the host's.
        """
        names = ('backbone', 'neck', 'head.detector')
        modules = dict(self.named_modules())
        if names[-1] not in modules:
            return {}
        return {name: modules[name] for name in names if name in modules}

    def predict(
        self, inputs: Tensor | Sequence[Tensor], data_samples: SampleList
    ) -> SampleList:
        """Predict the poses of a batch.

        Args:
            inputs (Tensor | Sequence[Tensor]): (B, 3, H, W), images padded at the
                bottom and on the right to a common size; a sequence of these for the
                scales of a multi-scale test, scale 1 first.
            data_samples (list[PoseDataSample]): B samples with ``input_size``,
                ``input_center``, ``input_scale`` and ``ori_shape`` in their metainfo,
                and ``aug_scales`` for scales besides 1.

        Returns:
            list[PoseDataSample]: The samples with ``pred_instances`` in image pixels.

        Raises:
            ValueError: If there are several scales without ``multiscale_test``, or one
                with it; if ``aug_scales`` are others than those given, or an input is
                smaller than they say; or if ``autocast`` names another type.
            RuntimeError: If the detector is trained and what groups is not.
        """
        self._refuse_random_grouping()
        scales = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        self._check_scales(len(scales))
        with self._autocast(scales[0].device.type):
            for sizes, indices in _group_by_sizes(data_samples, len(scales)).items():
                self._predict_size(
                    [
                        _crop(_pick(images, indices), size)
                        for images, size in zip(scales, sizes, strict=True)
                    ],
                    [data_samples[i] for i in indices],
                )
        return data_samples

    def _refuse_random_grouping(self) -> None:
        """A trained detector alone finds keypoints, and makes chance poses of them.

        A model in which nothing is trained may predict: tools measure such models.
        """
        if self._grouping_is_trained:
            return
        is_initial = getattr(self.head, 'grouping_is_initial', None)
        if is_initial is None or not is_initial():
            self._grouping_is_trained = True
            return
        if any_is_initial(batch_norms(*self.detector_parts().values())):
            return
        raise RuntimeError(
            'The detector is trained, but the grouping is random: it was never '
            'trained, or not for all keypoint types. Load a checkpoint of the whole '
            'model, or train from this one first.'
        )

    def _autocast(self, device_type: str) -> AbstractContextManager:
        """As ``test_cfg.autocast`` says."""
        name = self.test_cfg.get('autocast')
        if name is None:
            return nullcontext()
        if name not in AUTOCAST_DTYPES:
            raise ValueError(
                f'model.test_cfg has autocast={name!r}; expected one of '
                f'{AUTOCAST_DTYPES}, or None for single precision.'
            )
        return torch.autocast(device_type, getattr(torch, name))

    def _check_state_dict(self, state_dict: dict, prefix: str, *_) -> None:
        """Before weights are loaded, by whatever wrapper."""
        self._grouping_is_trained = False
        self.check_weights(
            {
                key[len(prefix) :]: weight
                for key, weight in state_dict.items()
                if key.startswith(prefix)
            }
        )

    def check_weights(self, weights: dict[str, Tensor]) -> None:
        """Refuse weights that are neither the whole model nor its whole detector.

        Raises:
            CheckpointMismatchError: Says which keys differ.
        """
        holds_grouping(self.state_dict(), weights, self.detector_parts())

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
                feats.append(list(zip(*map(split_views, views), strict=True)))
            else:
                feats.append(self.extract_feat(images))
        if not self.test_cfg.get('multiscale_test', False):
            (feats,) = feats
        preds = self.head.predict(feats, samples, test_cfg=self.test_cfg)
        instances, fields = preds if isinstance(preds, tuple) else (preds, None)
        explanation_to_image(instances, samples)
        self.add_pred_to_datasample(instances, fields, samples)


def _group_by_sizes(
    samples: SampleList, num_scales: int
) -> dict[tuple[tuple[int, int], ...], list[int]]:
    """Indices of the samples by their input sizes [w, h] at all scales, 1 first.

    Raises:
        ValueError: If a sample names another number of scales.
    """
    groups = defaultdict(list)
    for index, sample in enumerate(samples):
        meta = sample.metainfo
        scales = (1, *(meta.get('aug_scales') or ()))
        if len(scales) != num_scales:
            raise ValueError(
                f'{meta.get("img_path", "A sample")} has the scales {scales} by its '
                f'metainfo (1 and "aug_scales"), but {num_scales} input(s) are given. '
                'Expected an input for each; PackCenterGroupInputs packs both.'
            )
        sizes = (
            tuple(round(float(side * scale)) for side in meta['input_size'])
            for scale in scales
        )
        groups[tuple(sizes)].append(index)
    return groups


def _pick(images: Tensor, indices: list[int]) -> Tensor:
    """Some images of a batch; all of them without a copy, for which a GPU waits."""
    return images if len(indices) == len(images) else images[indices]


def _crop(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Undo the padding of a batch.

    Args:
        images (Tensor): (B, 3, H, W), padded at the bottom and on the right.
        size (tuple[int, int]): Their own [w, h].

    Returns:
        Tensor: (B, 3, h, w).

    Raises:
        ValueError: If the images are smaller.
    """
    width, height = size
    if images.shape[-1] < width or images.shape[-2] < height:
        raise ValueError(
            f'An input of {images.shape[-1]} x {images.shape[-2]} pixels (width x '
            f'height) is given for {width} x {height} by the metainfo ("input_size" '
            'times a scale of "aug_scales"). Expected at least that.'
        )
    return images[..., :height, :width]
