# SPDX-License-Identifier: Apache-2.0
from .centergroup import CenterGroup
from .centergroup_head import CenterGroupHead

__all__ = ['CenterGroup', 'CenterGroupHead']
