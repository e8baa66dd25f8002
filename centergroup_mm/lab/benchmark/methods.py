# SPDX-License-Identifier: Apache-2.0
"""The models that are measured, and what they are given."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS, MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from ...coco import People
from ...datasets import load_metainfo
from ..configs import load_config
from ..crowd import CrowdSpec, make_image
from .host_heads import HOST_MAPS, HostHead
from .people import ShowingDetector, draw_maps, place_people
from .samples import cropped_results, run_pipeline
from .settings import DTYPES, Settings

PLACED, NETWORK_ONLY = 'placed people', 'network only'


class Method:
    """A model with its input.

    Args:
        config (str): Path of a config, or ``mmpose::...`` for one of the host's.
        settings (Settings): How it is run.
        overrides (dict, optional): Config values by dotted name.

    Attributes:
        kind (str): ``PLACED`` if the model's maps are replaced by those of placed
            people, ``NETWORK_ONLY`` if what follows its network cannot be loaded so.
    """

    def __init__(
        self, config: str, settings: Settings, overrides: dict | None = None
    ) -> None:
        self.name = Path(config).stem
        self.settings = settings
        self.config = load_config(config)
        if settings.compile and self.config.model.head.type == 'CenterGroupHead':
            self.config.merge_from_dict({'model.head.grouping.compile_options': {}})
        self.config.merge_from_dict(overrides or {})
        # No flip test for a model of others whose config has none.
        test_cfg = self.config.model.test_cfg
        self.flip = settings.flip and test_cfg.get('flip_test', False)
        test_cfg.flip_test = self.flip
        self.metainfo = metainfo_of(self.config)
        self.num_keypoints = len(self.metainfo['flip_indices'])
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmpose'):
            self.model = MODELS.build(self.config.model)
        if hasattr(self.model.head, 'tokenizer'):
            # As of a trained model, which is asked only once whether it is trained.
            for norm in self.model.head.tokenizer.modules():
                if isinstance(norm, torch.nn.BatchNorm2d):
                    norm.running_mean.fill_(0.01)
        # Models of this package choose the format in evaluation if it is not set.
        self.model.channels_last = settings.channels_last
        if settings.channels_last:
            self.model.to(memory_format=torch.channels_last)
        self.model.eval().to(settings.device)
        self.inputs = self._load_inputs()
        self.samples = make_samples(settings, self.metainfo)
        self._shown: dict[int, Any] = {}
        self._host_head: HostHead | None = None
        self.kind = self._place_detector()
        self._features: Any = None

    def show(self, count: int) -> None:
        """Set the number of people in the images; the same ones for all methods."""
        settings, head = self.settings, self.model.head
        if self.kind == NETWORK_ONLY:
            return
        if count not in self._shown:
            people = place_people(
                count, self.num_keypoints, settings.size, settings.batch
            )
            if hasattr(head, 'detector'):
                self._shown[count] = draw_maps(people, settings.size)
            else:
                draw = HOST_MAPS[type(head).__name__]
                self._shown[count] = draw(head, people, self.metainfo, settings)
        if hasattr(head, 'detector'):
            head.detector.show(self._shown[count])
        else:
            views = self._shown[count]
            self._host_head.show(views if self.flip else views[:1])

    def autocast(self) -> AbstractContextManager:
        dtype = DTYPES[self.settings.dtype]
        if dtype == torch.float32:
            return nullcontext()
        return torch.autocast(torch.device(self.settings.device).type, dtype)

    def predict(self) -> None:
        """From images to poses, or through the network where that is all."""
        with torch.inference_mode(), self.autocast():
            if self.kind == PLACED:
                self.model.predict(self.inputs, self.samples)
            else:
                for view in self._views():
                    self.model.head.forward(self.model.extract_feat(view))

    def _views(self) -> list[Tensor]:
        return [self.inputs, self.inputs.flip(-1)] if self.flip else [self.inputs]

    def keep_features(self) -> None:
        """Compute the features that :meth:`predict_from_features` starts from."""
        with torch.inference_mode(), self.autocast():
            maps = [self.model.extract_feat(view) for view in self._views()]
            self._features = maps if self.flip else maps[0]

    def predict_from_features(self) -> None:
        """Everything behind backbone and heatmap head, on kept features."""
        detector = self.model.head.detector
        detector.run_network = False
        try:
            with torch.inference_mode(), self.autocast():
                self.model.head.predict(
                    self._features, self.samples, test_cfg=self.model.test_cfg
                )
        finally:
            detector.run_network = True

    def _load_inputs(self) -> Tensor:
        """Normalized images (B, 3, h, w)."""
        settings = self.settings
        if settings.image is None:
            image, *_ = make_image(CrowdSpec(num_train=0, num_val=1), 'val', 0)
        else:
            image = cv2.imread(settings.image)
            if image is None:
                raise ValueError(
                    f'{settings.image} cannot be read as an image. Expected a '
                    'photograph that OpenCV reads.'
                )
        image = torch.from_numpy(cv2.resize(image, settings.size)).permute(2, 0, 1)
        samples = make_samples(settings, self.metainfo)
        data = dict(inputs=[image] * settings.batch, data_samples=samples)
        inputs = self.model.data_preprocessor(data, False)['inputs']
        if settings.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs

    def _place_detector(self) -> str:
        head = self.model.head
        if hasattr(head, 'detector'):
            types = [*self.metainfo['flip_indices'], self.num_keypoints]
            head.detector = ShowingDetector(head.detector, types).eval()
            return PLACED
        takes_maps = type(head).__name__ in HOST_MAPS and self.settings.batch == 1
        if takes_maps:
            self._host_head = HostHead(head)
        return PLACED if takes_maps else NETWORK_ONLY


def metainfo_of(config: Config) -> dict:
    """Metainfo of the dataset of a config."""
    dataset = config.test_dataloader.dataset
    given = dataset.get('metainfo')
    with DefaultScope.overwrite_default_scope('mmpose'):
        return load_metainfo(given or DATASETS.get(dataset.type).METAINFO)


def make_samples(settings: Settings, metainfo: dict) -> list[PoseDataSample]:
    """Samples of images that fill the input, with nobody annotated."""
    count = len(metainfo['flip_indices'])
    nobody = People(np.zeros((0, count, 2)), np.zeros((0, count)))
    pack = [dict(type='PackCenterGroupInputs')]
    samples = []
    for _ in range(settings.batch):
        results = cropped_results(nobody, settings.size, metainfo)
        sample = run_pipeline(pack, results)['data_samples']
        samples.append(sample.to(settings.device))
    return samples
