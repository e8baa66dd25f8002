# SPDX-License-Identifier: Apache-2.0
"""What runs a model, each as a function from images and masks to poses."""

import importlib.util
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from mmengine.config import Config

from ...export.graph import PosesFromPixels
from ...export.loading import load_whole
from ...export.runners import run_torch, session_runner
from ...runtime.description import INPUTS, OUTPUTS
from .quantize import quantize_convolutions

Engine = Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]]

# By name; what is timed, in the order of the table. Ratios are to the first one.
EAGER = 'torch eager'
CHANNELS_LAST = 'torch eager, channels-last'
COMPILED = 'torch.compile'
ONNX_RUNTIME = 'ONNX Runtime'
INT8 = 'ONNX Runtime, int8'
OPENVINO = 'OpenVINO'
NAMES = {
    'eager': EAGER,
    'channels-last': CHANNELS_LAST,
    'compile': COMPILED,
    'onnxruntime': ONNX_RUNTIME,
    'int8': INT8,
    'openvino': OPENVINO,
}


def in_torch(
    kind: str,
    config: Path,
    checkpoint: Path,
    flip_indices: Sequence[int] | None,
) -> Engine:
    """The model in torch, as ``kind`` says.

    Uncompiled, the residual CNN computes around candidates only where that is cheaper,
    as in all tools; these have channels-last weights.
    """
    model = load_whole(Config.fromfile(str(config)), checkpoint)
    tokenizer = getattr(model.head, 'tokenizer', None)
    patches = getattr(tokenizer, 'patches', None)
    graph = PosesFromPixels(model, flip_indices).eval()
    if kind == 'compile':
        return partial(run_torch, torch.compile(graph, dynamic=False))
    if tokenizer is not None:
        tokenizer.patches = patches
    if kind == 'channels-last':
        graph.to(memory_format=torch.channels_last)
    return partial(run_torch, graph)


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Options of ONNX Runtime on so many threads of a CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return options


def in_openvino(content: bytes, threads: int) -> Engine:
    """A file's content in OpenVINO on a CPU, in single precision."""
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(content, b''),
        'CPU',
        {
            'INFERENCE_NUM_THREADS': threads,
            'PERFORMANCE_HINT': 'LATENCY',
            'INFERENCE_PRECISION_HINT': 'f32',
        },
    )

    def run(*arrays: np.ndarray) -> Sequence[np.ndarray]:
        outputs = compiled(dict(zip(INPUTS, arrays, strict=True)))
        return [outputs[name] for name in OUTPUTS]

    return run


def is_installed(kind: str) -> bool:
    """Whether what an engine needs is there."""
    return kind != 'openvino' or importlib.util.find_spec('openvino') is not None


def build(
    kind: str,
    content: bytes,
    config: Path,
    checkpoint: Path,
    flip_indices: Sequence[int] | None,
    threads: int,
    calibration: Sequence[np.ndarray],
) -> Engine:
    """An engine by its short name, of ``NAMES``.

    Args:
        kind (str): Short name.
        content (bytes): Of the ONNX file.
        config, checkpoint (Path): The same model in torch.
        flip_indices (Sequence[int], optional): Of the K types, for a flip test.
        threads (int): Of the runtimes; those of torch are set by the caller.
        calibration (Sequence[np.ndarray]): Images for int8, uint8 (1, 3, h, w).
    """
    if kind == 'int8':
        content = quantize_convolutions(content, calibration)
    if kind in ('onnxruntime', 'int8'):
        return session_runner(content, options=session_options(threads))
    if kind == 'openvino':
        return in_openvino(content, threads)
    return in_torch(kind, config, checkpoint, flip_indices)
