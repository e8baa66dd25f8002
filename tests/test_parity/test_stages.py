# SPDX-License-Identifier: Apache-2.0
"""Stage by stage, the numbers are the reference implementation's.

Views are stacked as there: the original, then the mirrored one, the types of each in
the order of what is seen in it.
"""

import numpy as np
import pytest
import torch

from centergroup_mm.models.samples import image_masks
from centergroup_mm.ops.poses import expected_locations, most_attended_locations

from .conftest import preprocess, run_model

TOLERANCE = 1e-4


@pytest.fixture(scope='module', params=['coco_flip', 'coco_noflip'])
def case(request, open_case):
    """A fixture with the outcome of a run on its ``input``."""
    case = open_case(request.param)
    samples = preprocess(case)['data_samples']
    inputs = torch.from_numpy(case.reference['input'])
    case.caught, case.poses = run_model(case, inputs, samples)
    case.samples = samples
    case.num_views = len(case.reference['detector0_stage0'])
    return case


def assert_near(ours, reference, where=None):
    """Equal up to the tolerance, relative to the scale of the reference."""
    ours, reference = np.asarray(ours), np.asarray(reference)
    assert ours.shape == reference.shape
    where = np.ones(reference.shape, bool) if where is None else where
    assert where.any()
    scale = np.abs(reference[where]).max()
    assert np.abs(ours - reference)[where].max() <= TOLERANCE * scale


def keypoint_tokens(values, case):
    """(V, K*M, ...) as (V, K, M, ...)."""
    shape = case.reference['get_kp_graph_keep_mask'].shape
    return np.asarray(values).reshape(*shape, *values.shape[2:])


def test_input_of_the_image_file(case):
    assert_near(preprocess(case)['inputs'], case.reference['input'])


def test_valid_mask(case):
    ((inside,),) = image_masks(case.samples, 'cpu', (1,))
    np.testing.assert_array_equal(inside[0], case.reference['pad_mask'] > 0)


def test_detector_maps(case):
    (coarse, fine), tags = case.caught['detector']
    stage0 = torch.cat((coarse, tags), 1)
    assert_near(stage0, case.reference['detector0_stage0'])
    assert_near(fine, case.reference['detector0_stage1'])


def test_candidates(case):
    keypoints, centers = case.caught['tokenizer']
    kept = case.reference['get_kp_graph_keep_mask']
    np.testing.assert_array_equal(keypoint_tokens(keypoints.valid, case), kept)
    np.testing.assert_array_equal(
        keypoint_tokens(keypoints.coords, case)[kept],
        case.reference['get_kp_graph_coords'][kept],
    )
    kept = case.reference['get_person_graph_keep_mask'][:, 0]
    np.testing.assert_array_equal(centers.valid, kept)
    np.testing.assert_array_equal(
        np.asarray(centers.coords)[kept],
        case.reference['get_person_graph_coords'][:, 0][kept],
    )


@pytest.mark.parametrize(
    ('field', 'name'), [('features', 'embed'), ('positions', 'pos')]
)
def test_tokens(case, field, name):
    keypoints, centers = case.caught['tokenizer']
    reference = case.reference[f'get_kp_graph_{name}']
    where = case.reference['get_kp_graph_keep_mask'][..., None]
    assert_near(
        keypoint_tokens(getattr(keypoints, field), case),
        reference,
        np.broadcast_to(where, reference.shape),
    )
    reference = case.reference[f'get_person_graph_{name}'][:, 0]
    where = case.reference['get_person_graph_keep_mask'][:, 0, :, None]
    assert_near(
        getattr(centers, field), reference, np.broadcast_to(where, reference.shape)
    )


def valid_centers(values, case):
    """The valid centers of all views, (V, P, ...) as (n, ...)."""
    _, centers = case.caught['tokenizer']
    return np.asarray(values)[np.asarray(centers.valid)]


def test_views_of_the_centers(case):
    views = torch.arange(case.num_views)[:, None].expand(-1, 30)
    np.testing.assert_array_equal(
        valid_centers(views, case), case.reference['center_batch']
    )


def test_logits_of_the_last_stage(case):
    (output,) = case.caught['grouping']
    reference = case.reference
    assert_near(
        valid_centers(output.center, case)[:, None], reference['group_person_tp_pred']
    )
    assert_near(
        valid_centers(output.visibility, case)[..., None], reference['group_viz_pred']
    )


@torch.no_grad()
def test_center_logits_of_every_stage(case):
    outputs = case.model.head.grouping(*case.caught['tokenizer'])
    ours = np.stack([valid_centers(output.center, case) for output in outputs])
    assert_near(ours[..., None], case.reference['group_all_person_tp'])


def test_locations_of_the_last_stage(case):
    (output,) = case.caught['grouping']
    keypoints, _ = case.caught['tokenizer']
    soft = expected_locations(output.attention, keypoints.coords)
    hard = most_attended_locations(output.attention, keypoints.coords)
    assert_near(valid_centers(soft, case), case.reference['group_loc_pred'])
    assert_near(valid_centers(hard, case), case.reference['group_hard_loc_pred'])


def test_poses(case):
    reference = case.reference
    assert np.abs(case.poses.keypoints - reference['keypoints']).max() <= 0.01
    scores = case.poses.keypoint_scores
    assert np.abs(scores - reference['keypoint_scores']).max() <= 1e-4
    assert np.abs(case.poses.bbox_scores - reference['scores']).max() <= 1e-4
