# SPDX-License-Identifier: Apache-2.0
from .expected_oks_loss import ExpectedOKSLoss
from .grouping_loss import GroupingLoss

__all__ = ['ExpectedOKSLoss', 'GroupingLoss']
