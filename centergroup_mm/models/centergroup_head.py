# SPDX-License-Identifier: Apache-2.0
"""The CenterGroup head: detector, tokens, grouping, wired together."""

from collections.abc import Sequence

import torch
from mmpose.models.heads import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS, TASK_UTILS
from mmpose.utils.typing import ConfigType, OptConfigType, Predictions, SampleList
from torch import Tensor

from ..ops.flip import add_mirrored_view, merge_views
from ..ops.fusion import fuse_heatmaps
from ..ops.poses import expected_locations, most_attended_locations, pose_scores
from ..structures import Candidates, GroupingOutput, Poses, Tokens
from ..task_modules.targets import make_targets
from .detector import FEATURE_STRIDE, HigherHRNetMaps, input_size_of
from .explanation import attach_candidates, explain_poses
from .grouping import GroupingTransformer
from .samples import (
    flip_types,
    image_masks,
    stack_masks,
    stack_views,
    staged_heatmap_loss,
    to_instances,
    to_predictions,
)
from .tokenizer import CandidateTokenizer
from .trained import any_is_initial, batch_norms


@MODELS.register_module()
class CenterGroupHead(BaseHead):
    """Detects keypoints and centers and groups them by attention.

    Both variants of the model are values of these arguments.

    Args:
        in_channels (int): C of the backbone's finest map.
        num_keypoints (int): K.
        decoder (dict): Codec that finds candidates and refines locations, see
            :class:`CenterHeatmap`.
        assigner (dict): Center assigner.
        heatmap_loss (dict): Loss of each stage's heatmaps.
        grouping_loss (dict): Loss of the grouping modules.
        detector (dict, optional): Further arguments of :class:`HigherHRNetMaps`.
        tokenizer (dict, optional): Further arguments of :class:`CandidateTokenizer`.
        grouping (dict, optional): Further arguments of :class:`GroupingTransformer`.
        min_scored_keypoints (int): Keypoints that count for the score of a pose
            whatever their probability; 0 is the paper, 5 the released models.
        init_cfg (dict, optional): As in mmengine.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        decoder: ConfigType,
        assigner: ConfigType,
        heatmap_loss: ConfigType,
        grouping_loss: ConfigType,
        detector: OptConfigType = None,
        tokenizer: OptConfigType = None,
        grouping: OptConfigType = None,
        min_scored_keypoints: int = 0,
        init_cfg: OptConfigType = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_keypoints = num_keypoints
        self.min_scored_keypoints = min_scored_keypoints
        self.decoder = KEYPOINT_CODECS.build(decoder)
        self.assigner = TASK_UTILS.build(assigner)
        self.detector = HigherHRNetMaps(
            in_channels, num_keypoints + 1, **(detector or {})
        )
        self.grouping = GroupingTransformer(num_keypoints, **(grouping or {}))
        self.tokenizer = CandidateTokenizer(
            in_channels, self.grouping.embed_dims, **(tokenizer or {})
        )
        self.heatmap_loss = MODELS.build(heatmap_loss)
        self.grouping_loss = MODELS.build(grouping_loss)

    def forward(self, feats: Sequence[Tensor]) -> Poses:
        """Image features to poses, one view, one scale, no padding.

        Args:
            feats (Sequence[Tensor]): Backbone output, its first map (B, C, h/4, w/4).

        Returns:
            Poses: In input pixels.
        """
        return self.find_poses([feats[0]])[0]

    def grouping_is_initial(self) -> bool:
        """Whether the grouping was never trained, by the CNNs that feed it."""
        return any_is_initial(batch_norms(self.tokenizer))

    def find_poses(
        self,
        features: Sequence[Tensor],
        inside: Tensor | None = None,
        inside_quarter: Tensor | None = None,
        flip_indices: Sequence[int] | None = None,
    ) -> tuple[Poses, GroupingOutput, Tensor]:
        """The whole of inference as one function of tensors.

        Args:
            features (Sequence[Tensor]): Backbone maps at 1/4 of each test scale, scale
                1 first, (B, C, h_s, w_s); (2B, ...) with the mirrored views behind the
                originals in a flip test.
            inside (Tensor, optional): bool (B, 1, h, w), True inside the image. Without
                it there is no padding.
            inside_quarter (Tensor, optional): bool (B, h/4, w/4), the same at 1/4;
                given together with ``inside``.
            flip_indices (Sequence[int], optional): Mirror image of each of the K + 1
                types; given if and only if ``features`` hold mirrored views.

        Returns:
            tuple[Poses, GroupingOutput, Tensor]: poses in input pixels; what the last
            grouping module says of every view; fused heatmaps (B, K + 1, h, w).
        """
        size = input_size_of(features[0])
        scales = [[h.float() for h in self.detector([f])[0]] for f in features]
        heatmaps = fuse_heatmaps(scales, size, flip_indices)
        if inside is None:
            inside = torch.ones_like(heatmaps[:, :1], dtype=torch.bool)
            inside_quarter = inside[:, 0, ::FEATURE_STRIDE, ::FEATURE_STRIDE]

        keypoints, centers = self.decoder.find_candidates(heatmaps, inside, inside)
        views = self._add_views(keypoints, centers, inside_quarter, flip_indices, size)
        tokens = self.tokenizer(features, *views, size)
        output = self.grouping(*tokens, last_only=True)[-1]
        poses = self._read_poses(
            output, tokens[0], keypoints, centers, heatmaps, flip_indices
        )
        return poses, output, heatmaps

    def _add_views(
        self,
        keypoints: Candidates,
        centers: Candidates,
        mask: Tensor,
        flip_indices: Sequence[int] | None,
        size: tuple[int, int],
    ) -> tuple[Candidates, Candidates, Tensor]:
        """Candidates and mask of all views."""
        if flip_indices is None:
            return keypoints, centers, mask
        return (
            add_mirrored_view(keypoints, flip_indices[:-1], size[0]),
            add_mirrored_view(centers, [0], size[0]),
            torch.cat((mask, mask.flip(-1))),
        )

    def _read_poses(
        self,
        output: GroupingOutput,
        tokens: Tokens,
        keypoints: Candidates,
        centers: Candidates,
        heatmaps: Tensor,
        flip_indices: Sequence[int] | None,
    ) -> Poses:
        """Merge the views, refine and score."""
        coords = most_attended_locations(output.attention, tokens.coords)
        visibility, center = output.visibility.float(), output.center.float()
        if flip_indices is not None:
            coords, visibility, center = merge_views(
                coords, visibility, center, flip_indices[:-1], heatmaps.shape[-1]
            )
        anything = keypoints.valid.flatten(1).any(1, keepdim=True)
        return Poses(
            self.decoder.refine(heatmaps[:, : self.num_keypoints], coords),
            visibility.sigmoid(),
            pose_scores(center, visibility, self.min_scored_keypoints),
            centers.valid[:, 0] & anything,
            centers.coords[:, 0],
        )

    def predict(
        self,
        feats: Sequence,
        batch_data_samples: SampleList,
        test_cfg: OptConfigType = None,
    ) -> Predictions:
        """Predict poses.

        Args:
            feats (Sequence): Backbone output; with ``flip_test`` a list of the outputs
                of the original and the mirrored view; with ``multiscale_test`` a list
                of these, scale 1 first. The host's convention.
            batch_data_samples (list[PoseDataSample]): B samples of one input size.
            test_cfg (dict, optional): ``flip_test``, ``multiscale_test``,
                ``score_thr`` (poses scoring less are dropped; 0 keeps all),
                ``output_heatmaps`` and ``output_attention``.

        Returns:
            list[InstanceData]: Per image ``keypoints`` (n, K, 2) in input pixels,
            ``keypoint_scores`` (n, K) and ``bbox_scores`` (n,), best center first; and
            with ``output_heatmaps`` also a list of PixelData with ``heatmaps``
            (K, h', w') at input resolution, without padding.

            With ``output_attention`` also ``centers`` (n, 2), ``center_scores`` (n,)
            and ``attention`` (n, K, N), see :func:`explain_poses`, and in the metainfo
            of the instances ``candidates``, an InstanceData with ``coords`` (N, 2),
            ``types`` (N,), ``scores`` (N,) and ``valid`` (N,), the columns of the
            attention.
        """
        test_cfg = test_cfg or {}
        flip = test_cfg.get('flip_test', False)
        features = stack_views(feats, flip, test_cfg.get('multiscale_test', False))
        flip_indices = flip_types(batch_data_samples, self.num_keypoints)
        inside_quarter, inside = image_masks(batch_data_samples, features[0].device)
        poses, output, heatmaps = self.find_poses(
            features, inside, inside_quarter[:, 0], flip_indices if flip else None
        )
        score_thr = test_cfg.get('score_thr', 0.0)
        if test_cfg.get('output_attention', False):
            explanation = explain_poses(
                poses, output, flip_indices[:-1] if flip else None
            )
            instances = to_instances(poses, score_thr, **explanation)
            keypoints, _ = self.decoder.find_candidates(heatmaps, inside, inside)
            attach_candidates(instances, keypoints)
        else:
            instances = to_instances(poses, score_thr)
        return to_predictions(
            instances,
            heatmaps[:, : self.num_keypoints],
            batch_data_samples,
            test_cfg.get('output_heatmaps', False),
        )

    def loss(
        self,
        feats: Sequence[Tensor],
        batch_data_samples: SampleList,
        train_cfg: OptConfigType = None,
    ) -> dict[str, Tensor]:
        """Losses of the heatmaps and of all grouping modules.

        Candidates come from the model's own heatmaps by the rules of inference.

        Args:
            feats (Sequence[Tensor]): Backbone output.
            batch_data_samples (list[PoseDataSample]): B samples with targets.
            train_cfg (dict, optional): Not used.

        Returns:
            dict[str, Tensor]: ``loss_heatmap``, ``loss_center``, ``loss_visibility``,
            ``loss_location``; and for the log each of them by stage and the mean number
            of ``matched`` centers.
        """
        flip_types(batch_data_samples, self.num_keypoints)
        stages, _ = self.detector(feats)
        heatmap_losses = staged_heatmap_loss(
            self.heatmap_loss, stages, batch_data_samples
        )

        size = input_size_of(feats[0])
        inside_quarter, inside = stack_masks(batch_data_samples, 'valid')
        _, usable = stack_masks(batch_data_samples, 'supervised')
        heatmaps = fuse_heatmaps([[h.detach().float() for h in stages]], size)
        keypoints, centers = self.decoder.find_candidates(heatmaps, inside, usable)
        tokens = self.tokenizer(
            [feats[0]], keypoints, centers, inside_quarter[:, 0], size
        )
        outputs = self.grouping(*tokens)
        targets = make_targets(
            self.assigner,
            centers.coords[:, 0],
            centers.valid[:, 0],
            centers.valid[:, 0],
            [sample.gt_instance_labels for sample in batch_data_samples],
        )
        locations = [expected_locations(o.attention, tokens[0].coords) for o in outputs]
        losses = self.grouping_loss(
            torch.stack(locations),
            torch.stack([o.visibility for o in outputs]),
            torch.stack([o.center for o in outputs]),
            targets,
            batch_data_samples[0].metainfo.get('sigmas'),
        )
        matched = targets.matched.sum(1).float().mean()
        return dict(**heatmap_losses, **losses, matched=matched)
