# SPDX-License-Identifier: Apache-2.0
"""Between the host's data samples and batched tensors."""

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample
from mmpose.structures.bbox import get_warp_matrix
from mmpose.utils.typing import InstanceList, Predictions, SampleList
from torch import Tensor, nn

from ..runtime.mask_warp import warp_area
from ..structures import Extent, Poses


def stack_views(
    feats: Sequence, flip_test: bool, multiscale_test: bool
) -> list[Tensor]:
    """Bring the host's nesting of features into one tensor per test scale.

    Args:
        feats (Sequence): Backbone output (a tuple of maps); ``[original, mirrored]``
            outputs with ``flip_test``; a list of either with ``multiscale_test``.
        flip_test (bool): Whether there are mirrored views.
        multiscale_test (bool): Whether there are several scales.

    Returns:
        list[Tensor]: Per scale (B, C, h, w), or (2B, C, h, w) with mirrored views.
    """
    scales = feats if multiscale_test else [feats]
    if flip_test:
        return [torch.cat((view[0][0], view[1][0])) for view in scales]
    return [view[0] for view in scales]


def image_masks(
    samples: SampleList, device: torch.device, downscales: Sequence[int]
) -> list[Tensor]:
    """Where the images of a test lie in the input, at several resolutions.

    Computed from the metainfo, so that samples, which become results, carry no maps.

    Args:
        samples (list[PoseDataSample]): B samples of one input size.
        device (torch.device): Of the masks.
        downscales (Sequence[int]): Input pixels per mask pixel of each mask.

    Returns:
        list[Tensor]: bool (B, 1, h / downscale, w / downscale).
    """
    masks = []
    for sample in samples:
        meta = sample.metainfo
        size = _input_size(sample)
        warp = get_warp_matrix(meta['input_center'], meta['input_scale'], 0, size)
        masks.append(warp_area(meta['ori_shape'][1::-1], warp, size, downscales))
    return [
        torch.from_numpy(np.stack(level)).to(device, non_blocking=True)
        for level in zip(*masks, strict=True)
    ]


def image_extent(samples: SampleList, feature: Tensor) -> Extent:
    """Where the images of a test lie in the input and in a map of the backbone.

    Args:
        samples (list[PoseDataSample]): B samples of one input size.
        feature (Tensor): (..., h', w'), a map of the backbone at scale 1.
    """
    size = _input_size(samples[0])
    stride = size[0] // feature.shape[-1]
    quarter, full = image_masks(samples, feature.device, (stride, 1))
    return Extent(full, quarter[:, 0], size)


def _input_size(sample: PoseDataSample) -> tuple[int, int]:
    width, height = sample.metainfo['input_size']
    return int(width), int(height)


def stack_masks(samples: SampleList, name: str) -> tuple[Tensor, Tensor]:
    """Collect a mask of the ``input_masks`` of training, at 1/4 and full resolution.

    Args:
        samples (list[PoseDataSample]): B samples of one input size.
        name (str): ``valid`` or ``supervised``.

    Returns:
        tuple[Tensor, Tensor]: bool (B, 1, h/4, w/4) and (B, 1, h, w).
    """
    masks = [getattr(sample.input_masks, name) for sample in samples]
    quarter, full = (torch.stack(level).bool() for level in zip(*masks, strict=True))
    return quarter, full


def check_types(samples: SampleList, num_keypoints: int) -> None:
    """The dataset must have the model's keypoint types.

    Raises:
        ValueError: If it has another number, or is not known.
    """
    if 'flip_indices' not in samples[0].metainfo:
        raise ValueError(
            'The keypoint types are not known: a sample has no "flip_indices". They '
            'come from the dataset metainfo; that of an inferencer is "dataset_meta" '
            'in the meta of its checkpoint, or the dataset of train_dataloader.'
        )
    found = len(samples[0].metainfo['flip_indices'])
    if found != num_keypoints:
        raise ValueError(
            f'The model has {num_keypoints} keypoint types, the dataset {found} '
            f'(sample {samples[0].metainfo.get("img_path")}). Set '
            'model.head.num_keypoints to the number in the dataset metainfo.'
        )


def flip_types(samples: SampleList, num_keypoints: int) -> list[int]:
    """Mirror image of every type, the center (last) being its own.

    Raises:
        ValueError: See :func:`check_types`.
    """
    check_types(samples, num_keypoints)
    return [*samples[0].metainfo['flip_indices'], num_keypoints]


def to_instances(poses: Poses, score_thr: float, **extras: Tensor) -> InstanceList:
    """Move poses to the host, without empty slots and low scores.

    Args:
        poses (Poses): (B, P) slots.
        score_thr (float): Poses scoring less are dropped.
        **extras (Tensor): Further fields, (B, P, ...).

    Returns:
        list[InstanceData]: Per image numpy ``keypoints`` (n, K, 2),
        ``keypoint_scores`` (n, K) and ``bbox_scores`` (n,), and the further fields.
    """
    fields = (poses.keypoints, poses.keypoint_scores, poses.scores, poses.valid)
    arrays = [field.detach().cpu().numpy() for field in (*fields, *extras.values())]
    instances = []
    for keypoints, keypoint_scores, scores, valid, *others in zip(*arrays, strict=True):
        found = dict(zip(extras, (field[valid] for field in others), strict=True))
        basic = (keypoints[valid], keypoint_scores[valid], scores[valid])
        instances.append(keep_instances(*basic, score_thr, **found))
    return instances


def keep_instances(
    keypoints: np.ndarray,
    keypoint_scores: np.ndarray,
    scores: np.ndarray,
    score_thr: float,
    **extras: np.ndarray,
) -> InstanceData:
    """The poses of one image that score at least ``score_thr``.

    Args:
        keypoints (np.ndarray): (n, K, 2).
        keypoint_scores (np.ndarray): (n, K).
        scores (np.ndarray): (n,), of the poses.
        score_thr (float): Poses scoring less are dropped.
        **extras (np.ndarray): Further fields, (n, ...).

    Returns:
        InstanceData: ``keypoints``, ``keypoint_scores`` and ``bbox_scores``, and the
        further fields.
    """
    kept = scores >= score_thr
    return InstanceData(
        keypoints=keypoints[kept],
        keypoint_scores=keypoint_scores[kept],
        bbox_scores=scores[kept],
        **{name: field[kept] for name, field in extras.items()},
    )


def to_predictions(
    instances: InstanceList,
    heatmaps: Tensor,
    samples: SampleList,
    output_heatmaps: bool,
) -> Predictions:
    """What a head's ``predict`` returns.

    Args:
        instances (list[InstanceData]): Poses of B images.
        heatmaps (Tensor): (B, K, h, w) at input resolution.
        samples (list[PoseDataSample]): B samples.
        output_heatmaps (bool): Whether the heatmaps are wanted, for drawing.

    Returns:
        list[InstanceData] | tuple: The poses; with ``output_heatmaps`` also a list of
        PixelData with ``heatmaps``, without padding.
    """
    if not output_heatmaps:
        return instances
    return instances, [
        PixelData(heatmaps=crop_to_image(maps, sample))
        for maps, sample in zip(heatmaps.detach(), samples, strict=True)
    ]


def staged_heatmap_loss(
    loss: nn.Module, stages: Sequence[Tensor], samples: SampleList
) -> dict[str, Tensor]:
    """Masked loss of the heatmaps, summed over the stages.

    Args:
        loss (nn.Module): Takes maps, targets and ``mask``.
        stages (Sequence[Tensor]): Predictions (B, T, h_i, w_i), coarse to fine.
        samples (list[PoseDataSample]): B samples with targets of each stage, T types
            or more: a model without centers leaves out the last.

    Returns:
        dict[str, Tensor]: ``loss_heatmap``, a scalar; and for the log, without gradient
        and no part of the total, that of each stage: ``heatmap_stage1`` and so on.

    Raises:
        ValueError: If predictions and targets have different resolutions.
    """
    total, by_stage = 0, {}
    for level, heatmaps in enumerate(stages):
        target = torch.stack([s.gt_fields.heatmaps[level] for s in samples])
        target = target[:, : heatmaps.shape[1]]
        _check_resolution(heatmaps, target, level)
        mask = torch.stack([s.gt_fields.heatmap_mask[level] for s in samples])
        stage_loss = loss(heatmaps, target, mask=mask)
        by_stage[f'heatmap_stage{level + 1}'] = stage_loss.detach()
        total = total + stage_loss
    return dict(loss_heatmap=total, **by_stage)


def _check_resolution(heatmaps: Tensor, target: Tensor, level: int) -> None:
    """The network must predict where the codec draws."""
    (height, width), (rows, columns) = heatmaps.shape[-2:], target.shape[-2:]
    if (height, width) != (rows, columns):
        raise ValueError(
            f'The heatmaps of stage {level + 1} are {width} x {height} pixels (width x '
            f'height), their targets {columns} x {rows}. The first map of the backbone '
            '(or of its neck) must stand at the first of the "downscales" of the codec '
            'CenterHeatmap, 1/4 of the input by default: choose its stages or a neck '
            'to fit, or the downscales of the encoder and the decoder.'
        )


def crop_to_image(maps: Tensor, sample: PoseDataSample) -> Tensor:
    """Cut the padding off maps, so that they cover the image and nothing else.

    Args:
        maps (Tensor): (C, h, w) at input resolution.
        sample (PoseDataSample): Its metainfo says where in the input the image lies.

    Returns:
        Tensor: (C, h', w'), with the proportions of the image.
    """
    meta = sample.metainfo
    input_size = np.asarray(meta['input_size'])
    image_size = np.asarray(meta['ori_shape'])[::-1]
    extent = np.asarray(meta['input_scale'])
    origin = np.asarray(meta['input_center']) - extent / 2
    ratio = input_size / extent
    start = np.maximum(np.rint(-origin * ratio), 0).astype(int)
    stop = np.minimum(np.rint((image_size - origin) * ratio), input_size).astype(int)
    return maps[:, start[1] : stop[1], start[0] : stop[0]]
