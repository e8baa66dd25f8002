# SPDX-License-Identifier: Apache-2.0
"""The CenterGroup head: detector, tokens, grouping, wired together."""

from collections.abc import Sequence

import torch
from mmpose.registry import MODELS, TASK_UTILS
from mmpose.utils.typing import (
    ConfigType,
    InstanceList,
    OptConfigType,
    Predictions,
    SampleList,
)
from torch import Tensor

from ..ops.flip import add_mirrored_view, merge_views
from ..ops.poses import expected_locations, most_attended_locations, unclaimed_shares
from ..structures import Candidates, Extent, Found, GroupingOutput, Maps, Poses
from ..task_modules.targets import make_targets
from .explanation import attach_candidates, explain_poses
from .heatmap_head import HeatmapHead, build_part
from .nearest import groups_by_distance, take_nearest
from .samples import stack_masks, to_instances
from .trained import any_is_initial, batch_norms


@MODELS.register_module()
class CenterGroupHead(HeatmapHead):
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
        oks_loss (dict, optional): One more loss of their attention, as
            :class:`ExpectedOKSLoss`. Defaults to None, the paper.
        detector (dict, optional): See :class:`HeatmapHead`.
        tokenizer (dict, optional): Module that makes tokens of candidates, of type
            :class:`CandidateTokenizer` if not said otherwise; ``in_channels`` and
            ``embed_dims``, that of the grouping, are added.
        grouping (dict, optional): Module that groups the tokens, of type
            :class:`GroupingTransformer` if not said otherwise; ``num_keypoints`` is
            added. It says its ``embed_dims``.
        score (dict, optional): Module that scores poses, of type :class:`PoseScore` if
            not said otherwise; nothing is added.
        average_attention (bool): In a flip test, whether the attention of both views
            is averaged before the best candidate is taken; otherwise, the paper, each
            keypoint is that of the view that is surer to see it. Defaults to False.
        exclusive (bool): Whether a keypoint counts for the score of one pose only, the
            best that has it, see :func:`unclaimed_shares`; otherwise, the paper, for
            all that have it. Defaults to False.
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
        score: OptConfigType = None,
        average_attention: bool = False,
        exclusive: bool = False,
        oks_loss: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ) -> None:
        super().__init__(
            in_channels,
            num_keypoints,
            num_keypoints + 1,
            decoder,
            heatmap_loss,
            detector,
            init_cfg,
        )
        self.assigner = TASK_UTILS.build(assigner)
        self.grouping = build_part(
            'GroupingTransformer', grouping, num_keypoints=num_keypoints
        )
        self.tokenizer = build_part(
            'CandidateTokenizer',
            tokenizer,
            in_channels=in_channels,
            embed_dims=self.grouping.embed_dims,
        )
        self.grouping_loss = MODELS.build(grouping_loss)
        self.oks_loss = oks_loss and MODELS.build(oks_loss)
        self.score = build_part('PoseScore', score)
        self.average_attention = average_attention
        self.exclusive = exclusive

    def grouping_is_initial(self) -> bool:
        """Whether the grouping was never trained, by the CNNs that feed it."""
        return any_is_initial(batch_norms(self.tokenizer))

    def group(
        self,
        features: Sequence[Tensor],
        maps: Maps,
        extent: Extent,
        flip_indices: Sequence[int] | None,
    ) -> Found:
        """Group by attention, see :meth:`HeatmapHead.group`."""
        keypoints, centers = self.decoder.find_candidates(
            maps.heatmaps, extent.inside, extent.inside
        )
        views = self._add_views(keypoints, centers, extent, flip_indices)
        tokens = self.tokenizer(features, *views, extent.size)
        output = self.grouping(*tokens, last_only=True)[-1]
        if flip_indices is not None:
            output = merge_views(output, flip_indices[:-1], self.average_attention)
        poses = self._read_poses(output, keypoints, centers, maps.heatmaps)
        return Found(poses, maps.heatmaps, keypoints, output)

    def _add_views(
        self,
        keypoints: Candidates,
        centers: Candidates,
        extent: Extent,
        flip_indices: Sequence[int] | None,
    ) -> tuple[Candidates, Candidates, Tensor]:
        """Candidates and mask of all views."""
        mask = extent.inside_quarter
        if flip_indices is None:
            return keypoints, centers, mask
        width = extent.size[0]
        return (
            add_mirrored_view(keypoints, flip_indices[:-1], width),
            add_mirrored_view(centers, [0], width),
            torch.cat((mask, mask.flip(-1))),
        )

    def _read_poses(
        self,
        output: GroupingOutput,
        keypoints: Candidates,
        centers: Candidates,
        heatmaps: Tensor,
    ) -> Poses:
        """Choose, refine and score."""
        candidates = keypoints.coords.flatten(1, 2)
        coords = most_attended_locations(output.attention, candidates)
        visibility, center = output.visibility.float(), output.center.float()
        scores = self.score(center, visibility)
        visibility = visibility.sigmoid()
        valid = centers.valid[:, 0] & keypoints.valid.flatten(1).any(1, keepdim=True)
        if self.exclusive:
            scores = scores * unclaimed_shares(coords, visibility, scores, valid)
        return Poses(
            self.decoder.refine(heatmaps[:, : self.num_keypoints], coords),
            visibility,
            scores,
            valid,
            centers.coords[:, 0],
        )

    def predict(
        self,
        feats: Sequence,
        batch_data_samples: SampleList,
        test_cfg: OptConfigType = None,
    ) -> Predictions:
        """Predict poses, best center first, see :meth:`HeatmapHead.predict`.

        Args:
            feats (Sequence): As there.
            batch_data_samples (list[PoseDataSample]): As there.
            test_cfg (dict, optional): Beyond what is there, ``output_attention``, and
                ``grouping``: ``'attention'``, or ``'nearest'`` to let distance and not
                attention decide where keypoints lie, see :func:`take_nearest`, with
                ``min_candidate_score`` (candidates scoring less are not taken).

        Returns:
            list[InstanceData]: As there. With ``output_attention`` also ``centers``
            (n, 2), ``center_scores`` (n,) and ``attention`` (n, K, N), see
            :func:`explain_poses`, and in the metainfo of the instances ``candidates``,
            an InstanceData with ``coords`` (N, 2), ``types`` (N,), ``scores`` (N,) and
            ``valid`` (N,), the columns of the attention.

        Raises:
            ValueError: If ``grouping`` is another, or ``output_attention`` asks for
                the attention where it decides nothing.
        """
        groups_by_distance(test_cfg or {})
        return super().predict(feats, batch_data_samples, test_cfg)

    def make_instances(self, found: Found, test_cfg: ConfigType) -> InstanceList:
        """As :meth:`HeatmapHead.make_instances`, by the options of ``test_cfg``."""
        if groups_by_distance(test_cfg):
            min_score = test_cfg.get('min_candidate_score', 0.0)
            found = take_nearest(found, self.decoder.refine, min_score)
        if not test_cfg.get('output_attention', False):
            return super().make_instances(found, test_cfg)
        instances = to_instances(
            found.poses,
            test_cfg.get('score_thr', 0.0),
            **explain_poses(found.poses, found.output),
        )
        attach_candidates(instances, found.keypoints)
        return instances

    def group_losses(
        self,
        feats: Sequence[Tensor],
        stages: Sequence[Tensor],
        tags: Tensor,
        samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of all grouping modules, see :meth:`HeatmapHead.group_losses`.

        Candidates come from the model's own heatmaps by the rules of inference.

        Returns:
            dict[str, Tensor]: ``loss_center``, ``loss_visibility``, ``loss_location``,
            and ``loss_oks`` if there is an ``oks_loss``; and for the log each of them
            by stage and the mean number of ``matched`` centers.
        """
        inside_quarter, inside = stack_masks(samples, 'valid')
        _, usable = stack_masks(samples, 'supervised')
        size = (inside.shape[-1], inside.shape[-2])
        heatmaps = self.fuse([[h.detach().float() for h in stages]], size)
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
            [sample.gt_instance_labels for sample in samples],
        )
        sigmas = samples[0].metainfo.get('sigmas')
        locations = [expected_locations(o.attention, tokens[0].coords) for o in outputs]
        losses = self.grouping_loss(
            torch.stack(locations),
            torch.stack([o.visibility for o in outputs]),
            torch.stack([o.center for o in outputs]),
            targets,
            sigmas,
        )
        if self.oks_loss is not None:
            attention = torch.stack([o.attention for o in outputs])
            candidates = tokens[0].coords, tokens[0].valid
            losses |= self.oks_loss(attention, *candidates, targets, sigmas)
        return dict(**losses, matched=targets.matched.sum(1).float().mean())
