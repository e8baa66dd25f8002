# SPDX-License-Identifier: Apache-2.0
"""Telling a run from the making of a graph."""

import torch


def is_recorded() -> bool:
    """Whether operations are being recorded: traced, exported or compiled.

    A record must hold for other sizes and values than the example's: what is chosen by
    them to save time in a run takes its plain form.
    """
    return torch.jit.is_tracing() or torch.compiler.is_compiling()
