# SPDX-License-Identifier: Apache-2.0
"""Targets and losses of the released variant on a batch of two images."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from torch.nn.utils.rnn import pad_sequence

from centergroup_mm.losses import GroupingLoss
from centergroup_mm.task_modules.center_assigners import GreedyCenterAssigner
from centergroup_mm.task_modules.targets import make_targets

NUM_KEYPOINTS = 17


@pytest.fixture(scope='module')
def reference(parity_dir):
    arrays = np.load(parity_dir / 'loss_a.npz')
    return {name: torch.from_numpy(arrays[name]) for name in arrays}


def by_image(values, reference):
    """The rows of all detected centers, (n, ...), as (B, P, ...)."""
    images = reference['detected_batch']
    return pad_sequence([values[images == i] for i in range(2)], batch_first=True)


@pytest.fixture(scope='module')
def valid(reference):
    return by_image(torch.ones_like(reference['detected_batch']), reference).bool()


@pytest.fixture(scope='module')
def targets(reference, valid):
    persons = []
    for image in range(2):
        annotated = reference['gt_has_keypoints'][image] > 0
        kept = reference['gt_object_visible'][image] & annotated
        keypoints = reference['gt_keypoints'][image][kept]
        corners = reference['gt_boxes'][image][kept]
        persons.append(
            SimpleNamespace(
                keypoints=keypoints[..., :2],
                keypoints_visible=keypoints[..., 2],
                centers=reference['gt_centers'][image][kept][:, :2],
                box_areas=(corners[:, 1] - corners[:, 0]).prod(-1),
            )
        )
    supervised = by_image(reference['center_outside_ignore_region'], reference).bool()
    return make_targets(
        GreedyCenterAssigner(),
        by_image(reference['detected_centers'], reference),
        valid,
        supervised & valid,
        persons,
    )


def test_targets(reference, targets, valid):
    matched = reference['target_is_true_center'].bool()
    assert torch.equal(targets.matched[valid], matched)
    supervised = reference['target_supervised'].bool()
    assert torch.equal(targets.supervised[valid], supervised)
    visible = reference['target_vis'][:, :NUM_KEYPOINTS]
    assert torch.equal(targets.visible[valid], visible)
    assert torch.equal(
        targets.keypoints[valid][visible],
        reference['target_loc'][:, :NUM_KEYPOINTS][visible],
    )


@pytest.fixture(scope='module')
def predictions(reference):
    """Locations, visibility and center logits of four stages."""
    names = ('pred_loc', 'pred_vis_logits', 'pred_center_logits')
    return [
        torch.stack([by_image(stage, reference) for stage in reference[name]])
        for name in names
    ]


@pytest.mark.parametrize(('name', 'gate'), [('oksgated', 0.5), ('plain', None)])
def test_losses(reference, predictions, targets, name, gate):
    coco = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/coco.py'))
    losses = GroupingLoss(oks_gate=gate)(*predictions, targets, coco['sigmas'])
    expected = {
        part: reference[f'{name}_{part}'].item()
        for part in ('person_loss', 'vis_loss', 'loc_loss', 'overall')
    }

    def near(value):
        return pytest.approx(value, rel=1e-5)

    assert losses['loss_center'].item() == near(expected['person_loss'])
    assert losses['loss_visibility'].item() == near(expected['vis_loss'])
    assert losses['loss_location'].item() == near(0.02 * expected['loc_loss'])
    total = sum(value for name, value in losses.items() if 'loss' in name)
    assert total.item() == near(expected['overall'])
