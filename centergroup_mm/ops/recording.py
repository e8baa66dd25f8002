# SPDX-License-Identifier: Apache-2.0
"""Whether the model runs, or is traced or exported."""

import torch


def is_recorded() -> bool:
    """Whether operations are being recorded: traced, exported or compiled.

    A recorded graph must hold for inputs of other sizes and values than the example's.
    So shortcuts that depend on either are for runs only.
    """
    return torch.jit.is_tracing() or torch.compiler.is_compiling()
