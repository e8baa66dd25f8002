# SPDX-License-Identifier: Apache-2.0
"""What travels between the stages has the shapes and types that it is said to have."""

import re

import pytest
import torch

from centergroup_mm.models.samples import stack_masks
from centergroup_mm.task_modules.targets import make_targets

FIELD = re.compile(r'^ +(\w+) \(Tensor\): (?:(\w+) )?\(([^)]+)\)', re.MULTILINE)


@pytest.fixture
def results(build, make_sample, people):
    """One of each, of two images with the small model's sizes; and those sizes."""
    head = build().head
    samples = [make_sample(people), make_sample(people[:1])]
    features = torch.randn(2, 8, 16, 16)
    quarter, inside = stack_masks(samples, 'valid')
    with torch.no_grad():
        everything = head.find_poses([features], inside, quarter[:, 0])
        poses, heatmaps, keypoints, output = everything
        _, centers = head.decoder.find_candidates(heatmaps, inside, inside)
        tokens, _ = head.tokenizer(
            [features], keypoints, centers, quarter[:, 0], (64, 64)
        )
    own = centers.coords[:, 0], centers.valid[:, 0], centers.valid[:, 0]
    persons = [sample.gt_instance_labels for sample in samples]
    targets = make_targets(head.assigner, *own, persons)
    sizes = dict(B=2, K=5, T=5, M=6, P=7, N=30, D=32)
    return (keypoints, tokens, output, targets, poses), sizes


def test_documented_shapes_and_types(results):
    found, sizes = results
    for result in found:
        fields = FIELD.findall(type(result).__doc__)
        assert [name for name, _, _ in fields] == list(type(result).__annotations__)
        for name, dtype, shape in fields:
            tensor = getattr(result, name)
            expected = [
                int(side) if side.isdigit() else sizes[side]
                for side in re.findall(r'\w+', shape)
            ]
            assert list(tensor.shape) == expected, (type(result), name)
            dtypes = {'': torch.float32, 'float': torch.float32}
            wanted = dtypes.get(dtype) or getattr(torch, dtype)
            assert tensor.dtype == wanted, (type(result), name)
