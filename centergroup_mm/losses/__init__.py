# SPDX-License-Identifier: Apache-2.0
from .grouping_loss import GroupingLoss

__all__ = ['GroupingLoss']
