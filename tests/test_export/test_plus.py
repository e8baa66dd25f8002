# SPDX-License-Identifier: Apache-2.0
"""CenterGroup+ is one graph too, and says what the model says."""

import json

import onnx
import pytest
import torch

from centergroup_mm.export import export_onnx


def make_keypoints_likely(checkpoint):
    """As of people who are seen."""
    content = torch.load(checkpoint, weights_only=True)
    for key, weight in content['state_dict'].items():
        if key.endswith('visibility_mlp.4.bias'):
            weight.fill_(3.0)
    torch.save(content, checkpoint)


@pytest.mark.slow
def test_all_that_crowds_need_is_in_one_graph(write_model):
    """The export itself compares the file with the model on several sizes."""
    written = write_model('centergroup_plus_tiny')
    make_keypoints_likely(written.checkpoint)
    target = written.folder / 'plus.onnx'
    export_onnx(written.config, written.checkpoint, target, flip_test=True)
    proto = onnx.load(target)
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [('', 18)]
    kinds = {node.op_type for node in proto.graph.node}
    assert not kinds & {'NonZero', 'Loop', 'If', 'Scan', 'NonMaxSuppression'}
    scores = next(o for o in proto.graph.output if o.name == 'scores')
    assert scores.type.tensor_type.shape.dim[1].dim_value == 12
    report = json.loads((written.folder / 'plus.report.json').read_text())
    assert all(row['poses'] for row in report['verified'])
