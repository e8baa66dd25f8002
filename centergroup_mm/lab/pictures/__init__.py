# SPDX-License-Identifier: Apache-2.0
"""Pictures of images and videos on the command line."""

from .columns import place_side_by_side
from .illustrate import illustrate
from .methods import SHOWN, Look

__all__ = ['SHOWN', 'Look', 'illustrate', 'place_side_by_side']
