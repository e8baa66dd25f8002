# SPDX-License-Identifier: Apache-2.0
"""``python -m centergroup_mm.command`` is the command ``centergroup``."""

import sys

from .command_line import main

sys.exit(main())
