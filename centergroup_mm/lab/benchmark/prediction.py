# SPDX-License-Identifier: Apache-2.0
"""Running a bottom-up model over a dataset, image by image, with its times."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from mmengine.dataset import pseudo_collate
from mmpose.structures import PoseDataSample
from torch import nn
from torch.utils.data import Dataset

from .part_timer import NETWORK_PARTS, PartTimer


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


@torch.no_grad()
def predict_images(
    model: nn.Module,
    dataset: Dataset,
    before: Callable[[PoseDataSample], None] | None = None,
) -> Iterator[TimedPrediction]:
    """Predict the images of a dataset one after the other.

    Args:
        model (nn.Module): A bottom-up pose estimator of this package, on any device.
        dataset (Dataset): With its test pipeline.
        before (Callable, optional): Called with each sample before its prediction.

    Yields:
        TimedPrediction: In the order of the dataset.
    """
    model.eval()
    with PartTimer(model) as timer:
        for index in range(len(dataset)):
            data = model.data_preprocessor(pseudo_collate([dataset[index]]), False)
            (sample,) = data['data_samples']
            if before is not None:
                before(sample)
            predict = partial(model.predict, data['inputs'], [sample])
            seconds = timer.run(predict)
            network = sum(seconds[part] for part in NETWORK_PARTS)
            yield TimedPrediction(sample, network, sum(seconds.values()) - network)
