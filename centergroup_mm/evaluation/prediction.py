# SPDX-License-Identifier: Apache-2.0
"""Running a bottom-up model over a dataset, image by image, with its times."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from mmengine.dataset import pseudo_collate
from mmpose.structures import PoseDataSample
from torch import nn
from torch.utils.data import Dataset

# What costs the same whatever the number of people: everything with convolutions.
NETWORK_PARTS = (
    'backbone',
    'head.detector',
    'head.tokenizer.keypoint_cnn',
    'head.tokenizer.center_cnn',
    'head.offset_branch',
    'head.box_branch',
)


class TimedPrediction(NamedTuple):
    """An image's poses and what they cost.

    Attributes:
        sample (PoseDataSample): With ``pred_instances`` in image pixels.
        network (float): Seconds in the network's convolutions.
        grouping (float): Seconds in everything behind them, up to the poses.
    """

    sample: PoseDataSample
    network: float
    grouping: float


class NetworkTimer:
    """Adds up the seconds that a model spends in its network.

    On a GPU it would time the queueing of work: for the CPU only.

    Args:
        model (nn.Module): A bottom-up pose estimator of this package.

    Attributes:
        seconds (float): May be set to 0 at any time.
    """

    def __init__(self, model: nn.Module) -> None:
        self.seconds = 0.0
        self._start = 0.0
        parts = dict(model.named_modules())
        self._hooks = []
        for name in NETWORK_PARTS:
            if parts.get(name) is not None:
                self._hooks += [
                    parts[name].register_forward_pre_hook(self._enter),
                    parts[name].register_forward_hook(self._leave),
                ]

    def close(self) -> None:
        """Stop listening."""
        for hook in self._hooks:
            hook.remove()

    def _enter(self, *_) -> None:
        self._start = time.perf_counter()

    def _leave(self, *_) -> None:
        self.seconds += time.perf_counter() - self._start


@torch.no_grad()
def predict_images(
    model: nn.Module,
    dataset: Dataset,
    before: Callable[[PoseDataSample], None] | None = None,
) -> Iterator[TimedPrediction]:
    """Predict the images of a dataset one after the other.

    Args:
        model (nn.Module): A bottom-up pose estimator of this package, on the CPU.
        dataset (Dataset): With its test pipeline.
        before (Callable, optional): Called with each sample before its prediction.

    Yields:
        TimedPrediction: In the order of the dataset.
    """
    model.eval()
    timer = NetworkTimer(model)
    try:
        for index in range(len(dataset)):
            data = model.data_preprocessor(pseudo_collate([dataset[index]]), False)
            (sample,) = data['data_samples']
            if before is not None:
                before(sample)
            timer.seconds = 0.0
            start = time.perf_counter()
            (sample,) = model.predict(data['inputs'], [sample])
            total = time.perf_counter() - start
            yield TimedPrediction(sample, timer.seconds, total - timer.seconds)
    finally:
        timer.close()
