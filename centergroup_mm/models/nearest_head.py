# SPDX-License-Identifier: Apache-2.0
"""The former name of ``test_cfg.grouping='nearest'``, for configs that have it."""

from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, InstanceList

from ..structures import Found
from .centergroup_head import CenterGroupHead
from .nearest import groups_by_distance, take_nearest


@MODELS.register_module()
class NearestKeypointHead(CenterGroupHead):
    """:class:`CenterGroupHead` with ``test_cfg.grouping='nearest'``; say that instead.

    Args:
        min_candidate_score (float): That of ``test_cfg``. Defaults to 0.
        **kwargs: As in :class:`CenterGroupHead`.
    """

    def __init__(self, *args, min_candidate_score: float = 0.0, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.min_candidate_score = min_candidate_score

    def group(self, *args) -> Found:
        """As :meth:`CenterGroupHead.group`, with the nearest candidates."""
        found = super().group(*args)
        return take_nearest(found, self.decoder.refine, self.min_candidate_score)

    def make_instances(self, found: Found, test_cfg: ConfigType) -> InstanceList:
        """As :meth:`CenterGroupHead.make_instances`, without attention to give out."""
        groups_by_distance({**test_cfg, 'grouping': 'nearest'})
        return super().make_instances(found, test_cfg)
