# SPDX-License-Identifier: Apache-2.0
"""Processes that do not outlive the one that started them."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process as soon as its parent is gone.

    Called in the child. A parent that is killed cannot tell its children, and a child
    that waits for it would wait for ever. Linux only; elsewhere nothing is done.

    Args:
        parent (int): Process id of the parent, as the parent or the child's start saw
            it.
    """
    if not sys.platform.startswith('linux'):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have died before the call, which only concerns what comes.
    if os.getppid() != parent:
        os._exit(1)
