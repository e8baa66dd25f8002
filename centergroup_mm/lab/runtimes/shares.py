# SPDX-License-Identifier: Apache-2.0
"""Which part of an exported model takes what share of its time."""

import ast
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime

from ...export.recording import SCOPES
from ...runtime.description import INPUTS
from .engines import session_options

# Parts by the modules whose nodes they are, the first that fits.
PARTS = {
    'backbone': ('model.backbone', 'model.neck'),
    'detector': ('model.head.detector',),
    'residual CNNs': ('model.head.tokenizer.keypoint_cnn',)
    + ('model.head.tokenizer.center_cnn',),
    'grouping': ('model.head.tokenizer', 'model.head.grouping', 'model.head.score'),
}
# Enlarging, suppression, the best pixels, reading of maps: what is in no module.
REST = 'maps and candidates'
# Nodes that ONNX Runtime made itself, as copies between memory formats and layer norms
# with the sum before them.
MADE = 'made by ONNX Runtime'
KERNEL = '_kernel_time'


def part_of(scopes: list[str]) -> str:
    """Part of a node, by the modules that it lies in, outermost first."""
    for part, prefixes in PARTS.items():
        if any(scope.startswith(prefixes) for scope in scopes):
            return part
    return REST


def parts_by_name(proto: onnx.ModelProto) -> dict[str, str]:
    """Part of every node, by its name and by the names of its outputs."""
    parts = {}
    for node in proto.graph.node:
        scopes = {entry.key: entry.value for entry in node.metadata_props}.get(SCOPES)
        part = part_of(ast.literal_eval(scopes) if scopes else [])
        parts |= dict.fromkeys((node.name, *node.output), part)
    return parts


def original_name(name: str) -> str:
    """Name that a node had, or that its output had, before ONNX Runtime merged it.

    ``OUTPUT_nchwc`` computes on blocks of channels; ``NODE/RULE/`` is the work of a
    rule that merges nodes.
    """
    return name.split('/')[0].removesuffix('_nchwc')


def time_nodes(
    content: bytes, images: np.ndarray, inside: np.ndarray, runs: int, threads: int
) -> dict[str, list[float]]:
    """Microseconds of every node in every run, by ONNX Runtime's own profile.

    Args:
        content (bytes): Of the ONNX file.
        images (np.ndarray): uint8 (B, 3, h, w).
        inside (np.ndarray): bool (B, 1, h, w).
        runs (int): How many.
        threads (int): Of the CPU.

    Returns:
        dict[str, list[float]]: By the names of :func:`original_name`'s argument.
    """
    with TemporaryDirectory() as folder:
        options = session_options(threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, 'profile'))
        session = onnxruntime.InferenceSession(
            content, options, providers=['CPUExecutionProvider']
        )
        feed = dict(zip(INPUTS, (images, inside), strict=True))
        for _ in range(runs):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text())
    times: dict[str, list[float]] = {}
    for event in events:
        name = event['name']
        if event.get('cat') == 'Node' and name.endswith(KERNEL):
            times.setdefault(name.removesuffix(KERNEL), []).append(event['dur'])
    return times


def measure_shares(
    content: bytes, images: np.ndarray, inside: np.ndarray, runs: int, threads: int
) -> dict[str, float]:
    """Share of each part in the time of all nodes.

    Args:
        content (bytes): Of the ONNX file.
        images (np.ndarray): uint8 (B, 3, h, w).
        inside (np.ndarray): bool (B, 1, h, w).
        runs (int): That count; one before them does not.
        threads (int): Of the CPU.

    Returns:
        dict[str, float]: Sums to 1.
    """
    parts = parts_by_name(onnx.load_from_string(content))
    totals = dict.fromkeys((*PARTS, REST, MADE), 0.0)
    times = time_nodes(content, images, inside, 1 + runs, threads)
    for name, durations in times.items():
        # Without the first run, in which memory is got.
        totals[parts.get(original_name(name), MADE)] += sum(durations[1:])
    whole = sum(totals.values())
    return {part: round(total / whole, 4) for part, total in totals.items()}
