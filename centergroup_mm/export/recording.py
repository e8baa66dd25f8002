# SPDX-License-Identifier: Apache-2.0
"""Recording a graph of tensors as the content of an ONNX file."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import torch
from torch import nn
from torch.export import Dim

from ..runtime.description import INPUTS, OUTPUTS
from . import rtmo_layout
from .verification import example

# Written out: with 23 there is an Attention node that ONNX Runtime refuses, with lower
# ones than torch's default more runtimes can read it.
OPSET = 18
EXAMPLE_BATCH = 2
# Under this name the exporter notes the modules that a node lies in, outermost first.
SCOPES = 'pkg.torch.onnx.name_scopes'


def to_onnx(
    graph: nn.Module,
    smallest: int,
    factor: int,
    metadata: dict[str, str],
    layout: str = 'poses',
) -> bytes:
    """The content of an ONNX file with any batch, height and width.

    Args:
        graph (nn.Module): See :class:`PosesFromPixels`.
        smallest (int): Side of the smallest input.
        factor (int): Sides are multiples of it.
        metadata (dict[str, str]): Goes into the file.
        layout (str): Of ``LAYOUTS`` of ``onnx_file``.
    """
    least = smallest // factor
    batch = Dim('batch')
    rows, columns = Dim('rows', min=least), Dim('columns', min=least)
    shape = {0: batch, 2: factor * rows, 3: factor * columns}
    # Not square: equal sides would be taken for the same size.
    inputs = example(EXAMPLE_BATCH, smallest + factor, smallest + 2 * factor, seed=0)
    names, outputs = INPUTS, OUTPUTS
    if layout == 'rtmo':
        graph = rtmo_layout.RtmoLayout(graph).eval()
        inputs = (rtmo_layout.to_input(*inputs),)
        names, outputs = rtmo_layout.INPUTS, rtmo_layout.OUTPUTS
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            graph,
            tuple(torch.from_numpy(array) for array in inputs),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=(shape,) * len(names),
            input_names=list(names),
            output_names=list(outputs),
            external_data=False,
            verbose=False,
        )
    proto = program.model_proto
    onnx.helper.set_model_props(proto, metadata)
    _forget_origins(proto)
    stream = io.BytesIO()
    onnx.save(proto, stream)
    return stream.getvalue()


def _forget_origins(proto: onnx.ModelProto) -> None:
    """Take out where each node comes from: source lines, paths of this machine.

    The modules that a node lies in stay, which profiles are read by.
    """
    for node in proto.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key == SCOPES]
        kept = {entry.key: entry.value for entry in kept}
        del node.metadata_props[:]
        for key, value in kept.items():
            node.metadata_props.add(key=key, value=value)
        node.doc_string = ''
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del value.metadata_props[:]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the exporter's remarks on its own steps; errors are still raised."""
    logger = logging.getLogger('onnxscript')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)
