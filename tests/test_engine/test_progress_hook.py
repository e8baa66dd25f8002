# SPDX-License-Identifier: Apache-2.0
"""Pictures of a training that still runs."""

import json
import logging
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from centergroup_mm.coco import most_crowded
from centergroup_mm.visualization import ProgressPicturesHook, draw_comparison

from .one_number import OneNumber, Rising

SIZE = 48


class KnowsThePoses(OneNumber):
    """Finds in each image the person given with it, and one that is unlikely."""

    def forward(self, inputs, mode='tensor'):
        assert self.training and torch.is_grad_enabled()
        return super().forward(inputs, mode)

    def test_step(self, data):
        assert not self.training and not torch.is_grad_enabled()
        for sample in data['data_samples']:
            likely = np.asarray(sample.metainfo['answer'], dtype=float)
            sample.pred_instances = InstanceData(
                keypoints=np.stack([likely, likely + 9]),
                keypoint_scores=np.ones((2, 2)),
                bbox_scores=np.array([0.4, 0.2]),
            )
        return data['data_samples']

    val_step = test_step


class Photographs(torch.utils.data.Dataset):
    """The part of a dataset that the hook asks for."""

    def __init__(self, folder, answers):
        self.ann_file = str(folder / 'val.json')
        self.data_prefix = {'img': str(folder)}
        self.answers = answers

    def __len__(self):
        return len(self.answers)

    def get_data_info(self, index):
        return {'img_path': str(Path(self.data_prefix['img'], f'{index}.png'))}

    def __getitem__(self, index):
        sample = PoseDataSample(metainfo={'answer': self.answers[index]})
        return {'inputs': torch.zeros(3, 4, 4), 'data_samples': sample}


@pytest.fixture
def photographs(tmp_path):
    """Three images, each with the one person that is annotated; 2 is most crowded."""
    answers = [[[9, 9], [9, 30]], [[20, 9], [20, 30]], [[30, 9], [30, 30]]]
    people = [[*answer[0], 2, *answer[1], 2] for answer in answers]
    for number in range(3):
        image = np.full((SIZE, SIZE, 3), 90, np.uint8)
        cv2.imwrite(str(tmp_path / f'{number}.png'), image)
    content = {
        'images': [
            {'id': n, 'file_name': f'{n}.png', 'crowdIndex': n / 10} for n in range(3)
        ],
        'annotations': [
            {'image_id': n, 'keypoints': person} for n, person in enumerate(people)
        ],
        'categories': [
            {'id': 1, 'name': 'p', 'keypoints': ['a', 'b'], 'skeleton': [[1, 2]]}
        ],
    }
    (tmp_path / 'val.json').write_text(json.dumps(content))
    return Photographs(tmp_path, answers)


@pytest.fixture
def runner(photographs, tmp_path):
    """Trains four iterations and draws two images after 1 and 3."""
    loader = {'batch_size': 1, 'num_workers': 0}
    order = {'type': 'DefaultSampler', 'shuffle': False}
    return Runner(
        model=KnowsThePoses(),
        work_dir=str(tmp_path / 'run'),
        train_dataloader={**loader, 'dataset': [torch.ones(1)] * 4, 'sampler': order},
        train_cfg={'by_epoch': False, 'max_iters': 4, 'val_interval': 100},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        val_dataloader={**loader, 'dataset': photographs, 'sampler': order},
        val_cfg={},
        val_evaluator=[Rising()],
        default_scope='mmpose',
        custom_hooks=[ProgressPicturesHook([1, 3], num_images=2)],
        experiment_name=f'progress_{os.urandom(4).hex()}',
    )


def test_the_most_crowded_images_are_drawn_as_trained_so_far(
    runner, photographs, tmp_path
):
    runner.train()
    folder = tmp_path / 'run' / 'progress'
    assert sorted(path.name for path in folder.iterdir()) == [
        'iter_1.jpg',
        'iter_3.jpg',
    ]
    truth = most_crowded(photographs.ann_file, 2)
    assert [image.file_name for image in truth.images.values()] == ['2.png', '1.png']
    poses = [
        [{'keypoints': photographs.answers[n], 'keypoint_scores': [1, 1]}]
        for n in (2, 1)
    ]
    expected = draw_comparison(tmp_path, truth, poses)
    found = cv2.imread(str(folder / 'iter_3.jpg'))
    # The JPEG blurs edges; another pose would be off by hundreds in many pixels.
    assert np.abs(found.astype(int) - expected).mean() < 2


def test_what_cannot_be_drawn_is_a_warning_and_no_more(runner, tmp_path, caplog):
    (tmp_path / '2.png').unlink()
    runner.logger.addHandler(caplog.handler)
    try:
        runner.train()
    finally:
        runner.logger.removeHandler(caplog.handler)
    assert runner.iter == 4
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert any(
        'iter_1.jpg could not be drawn' in text and '2.png is missing' in text
        for text in warnings
    )
