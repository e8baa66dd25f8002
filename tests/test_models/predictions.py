# SPDX-License-Identifier: Apache-2.0
"""What a model finds in packed samples, and what of it is compared."""

import torch


@torch.no_grad()
def predict(model, images, samples):
    """Predictions as numpy, through the host's entry and its preprocessing."""
    results = model.test_step({'inputs': images, 'data_samples': samples})
    return [result.pred_instances for result in results]


def poses_of(prediction):
    """Keypoints, their scores and those of the people."""
    names = ('keypoints', 'keypoint_scores', 'bbox_scores')
    return [prediction[name] for name in names]
