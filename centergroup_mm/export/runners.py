# SPDX-License-Identifier: Apache-2.0
"""A model and its file as functions from images and masks to poses."""

from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime
import torch
from torch import nn

from ..runtime.description import INPUTS, OUTPUTS
from . import rtmo_layout


@torch.no_grad()
def run_torch(
    graph: nn.Module, images: np.ndarray, inside: np.ndarray
) -> Sequence[np.ndarray]:
    """The model itself, from arrays to arrays."""
    outputs = graph(torch.from_numpy(images), torch.from_numpy(inside))
    return [output.numpy() for output in outputs]


def session_runner(
    content: bytes,
    layout: str = 'poses',
    options: onnxruntime.SessionOptions | None = None,
) -> Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]]:
    """ONNX Runtime on the content of a file.

    Args:
        content (bytes): Of the file.
        layout (str): Of its inputs and outputs, of ``LAYOUTS`` of ``onnx_file``.
        options (onnxruntime.SessionOptions, optional): Of the session.
    """
    session = onnxruntime.InferenceSession(
        content, options, providers=['CPUExecutionProvider']
    )

    def run(images: np.ndarray, inside: np.ndarray) -> Sequence[np.ndarray]:
        if layout == 'rtmo':
            inputs = {'input': rtmo_layout.to_input(images, inside)}
            outputs = session.run(list(rtmo_layout.OUTPUTS), inputs)
            return rtmo_layout.from_outputs(*outputs)
        return session.run(
            list(OUTPUTS), dict(zip(INPUTS, (images, inside), strict=True))
        )

    return run
