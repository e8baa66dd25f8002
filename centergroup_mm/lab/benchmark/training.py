# SPDX-License-Identifier: Apache-2.0
"""A training step with and without the grouping."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor

from ...coco import People
from .memory import peak_bytes
from .methods import Method
from .part_timer import clock_of
from .people import draw_maps, place_people
from .samples import cropped_results, run_pipeline
from .timing import Progress, spread

# The transforms of a training pipeline that make targets.
TARGET_TRANSFORMS = ('GenerateTarget', 'BottomupInputMasks', 'PackCenterGroupInputs')
WHOLE, DETECTOR = 'whole step', 'detector alone'
WITH_RESIDUAL = 'detector and residual CNN'


class TrainingSteps:
    """Steps of one model: all of it, its detector, and that with the residual CNN.

    The grouping costs the first less the last. Candidates are those of placed people,
    gradients those of the detector's own maps.

    Args:
        method (Method): A CenterGroup, in float32 or under autocast.
        count (int): People per image.
    """

    def __init__(self, method: Method, count: int) -> None:
        self.method, self.model = method, method.model
        size = method.settings.size
        people = place_people(count, method.num_keypoints, size, method.settings.batch)
        method.model.head.detector.show(draw_maps(people, size))
        self.samples = make_training_samples(method, people)
        # The statistics of these images stand for those of a trained detector.
        self.model.freeze_detector_bn = False
        self.model.train()
        with torch.no_grad():
            self.model.head.detector(self.model.extract_feat(method.inputs))
        self.model.freeze_detector_bn = True
        self.model.train()
        self.model.head.detector.train()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-6)

    def functions(self) -> dict[str, Callable[[], None]]:
        """What can be timed, by name."""
        return {
            WHOLE: partial(self._step, self._whole_loss),
            DETECTOR: partial(self._step, self._detector_loss),
            WITH_RESIDUAL: partial(self._step, self._residual_loss),
        }

    def _step(self, loss: Callable[[], Tensor]) -> None:
        self.optimizer.zero_grad()
        with self.method.autocast():
            total = loss()
        total.backward()
        self.optimizer.step()

    def _whole_loss(self) -> Tensor:
        losses = self.model.loss(self.method.inputs, self.samples)
        return sum(value for name, value in losses.items() if 'loss' in name)

    def _detector_loss(self) -> Tensor:
        """That of a HigherHRNet without its loss of the tags, as CenterGroup has it."""
        return self._heatmap_loss(self.model.extract_feat(self.method.inputs))

    def _heatmap_loss(self, features: Sequence[Tensor]) -> Tensor:
        stages, _ = self.model.head.detector(features)
        total = 0
        for level, maps in enumerate(stages):
            target = torch.stack([s.gt_fields.heatmaps[level] for s in self.samples])
            mask = torch.stack([s.gt_fields.heatmap_mask[level] for s in self.samples])
            total = total + self.model.head.heatmap_loss(maps, target, mask=mask)
        return total

    def _residual_loss(self) -> Tensor:
        features = self.model.extract_feat(self.method.inputs)
        total = self._heatmap_loss(features)
        tokenizer = self.model.head.tokenizer
        for cnn in (tokenizer.keypoint_cnn, tokenizer.center_cnn):
            if cnn is not None:
                total = total + cnn(features[0]).square().mean()
        return total


def make_training_samples(
    method: Method, people: Sequence[People]
) -> list[PoseDataSample]:
    """Samples with targets, made by the transforms of the config."""
    size = method.settings.size
    transforms = [
        dict(transform)
        for transform in method.config.train_pipeline
        if transform['type'] in TARGET_TRANSFORMS
    ]
    for transform in transforms:
        if 'encoder' in transform:
            transform['encoder'] = dict(transform['encoder'], input_size=size)
    samples = []
    for image in people:
        results = cropped_results(image, size, method.metainfo)
        sample = run_pipeline(transforms, results)['data_samples']
        samples.append(sample.to(method.settings.device))
    return samples


def measure_training(
    method: Method, count: int, runs: int, warm_up: int, progress: Progress
) -> dict:
    """Times and memory of the steps, interleaved.

    Args:
        method (Method): A CenterGroup.
        count (int): People per image.
        runs (int): Runs that count.
        warm_up (int): Runs before them.
        progress (Callable): As in :func:`time_methods`.

    Returns:
        dict: ``method``, ``people``, ``steps`` (:class:`Spread` by name), ``bytes`` by
        name, and two medians over runs, as shares of the detector's step: ``overhead``
        of what follows the residual CNN, and ``residual_share`` of that.
    """
    functions = TrainingSteps(method, count).functions()
    clock = clock_of(method.model)
    seconds = {name: [] for name in functions}
    rounds = warm_up + runs
    for index in progress(range(rounds), rounds):
        for name, function in functions.items():
            start = clock.mark()
            function()
            end = clock.mark()
            clock.finish()
            if index >= warm_up:
                seconds[name].append(clock.seconds(start, end))
    whole, detector, with_residual = (
        np.array(seconds[name]) for name in (WHOLE, DETECTOR, WITH_RESIDUAL)
    )
    device = method.settings.device
    memory = {
        name: peak_bytes(function, device) for name, function in functions.items()
    }
    return dict(
        method=method.name,
        people=count,
        steps={name: spread(times)._asdict() for name, times in seconds.items()},
        bytes=memory,
        overhead=float(np.median((whole - with_residual) / detector)),
        residual_share=float(np.median((with_residual - detector) / detector)),
    )
