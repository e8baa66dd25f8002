# SPDX-License-Identifier: Apache-2.0
from .center_assigners import GreedyCenterAssigner, HungarianCenterAssigner

__all__ = ['GreedyCenterAssigner', 'HungarianCenterAssigner']
