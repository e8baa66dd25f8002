# SPDX-License-Identifier: Apache-2.0
"""The former name of ``test_cfg.grouping='nearest'``, for configs that have it."""

from collections.abc import Sequence

from mmpose.registry import MODELS
from mmpose.utils.typing import OptConfigType, Predictions, SampleList

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

    def find_poses(self, *args, **kwargs) -> Found:
        """As :meth:`CenterGroupHead.find_poses`, with the nearest candidates."""
        found = super().find_poses(*args, **kwargs)
        return take_nearest(found, self.decoder.refine, self.min_candidate_score)

    def predict(
        self,
        feats: Sequence,
        batch_data_samples: SampleList,
        test_cfg: OptConfigType = None,
    ) -> Predictions:
        """As :meth:`CenterGroupHead.predict`.

        Raises:
            ValueError: If ``test_cfg`` asks for the attention.
        """
        groups_by_distance({**(test_cfg or {}), 'grouping': 'nearest'})
        return super().predict(feats, batch_data_samples, test_cfg)
