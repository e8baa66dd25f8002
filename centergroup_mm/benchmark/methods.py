# SPDX-License-Identifier: Apache-2.0
"""The models that are measured, and what they are given."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import DefaultScope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, MODELS
from mmpose.structures import MultilevelPixelData, PoseDataSample
from torch import Tensor, nn

from ..datasets.synthetic import CrowdSpec, make_image
from .people import PlacedDetector, PlacedMaps, draw_maps, place_people

DTYPES = {
    'float32': torch.float32,
    'bfloat16': torch.bfloat16,
    'float16': torch.float16,
}
PLACED, NETWORK_ONLY = 'placed people', 'network only'


@dataclass(frozen=True)
class Settings:
    """How every method is run.

    Attributes:
        size (tuple[int, int]): Input [w, h].
        batch (int): Images at once.
        device (str): As of torch.
        dtype (str): A name of ``DTYPES``; others than float32 under autocast.
        flip (bool): Whether there is a mirrored view.
        channels_last (bool): Memory format of the weights and maps.
        compile (bool): Whether the grouping is compiled.
        image (str, optional): A photograph; without one a crowd is drawn.
    """

    size: tuple[int, int] = (768, 512)
    batch: int = 1
    device: str = 'cpu'
    dtype: str = 'float32'
    flip: bool = True
    channels_last: bool = False
    compile: bool = False
    image: str | None = None

    def as_dict(self) -> dict:
        return asdict(self)


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
        self.config.model.test_cfg.flip_test = settings.flip
        self.metainfo = metainfo_of(self.config)
        self.num_keypoints = len(self.metainfo['flip_indices'])
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmpose'):
            self.model = MODELS.build(self.config.model).eval()
        if settings.channels_last:
            self.model.to(memory_format=torch.channels_last)
        self.model.to(settings.device)
        self.inputs = self._load_inputs()
        self.samples = make_samples(settings, self.metainfo['flip_indices'])
        self._maps: dict[int, PlacedMaps] = {}
        self.kind = self._place_detector()
        self._features: Any = None

    def show(self, count: int) -> None:
        """Set the number of people in the images; the same ones for all methods."""
        settings = self.settings
        if count not in self._maps:
            people = place_people(
                count, self.num_keypoints, settings.size, settings.batch
            )
            self._maps[count] = draw_maps(people, settings.size)
        if hasattr(self.model.head, 'detector'):
            self.model.head.detector.show(self._maps[count])
        elif self.kind == PLACED:
            self._show_to_host_head(self._maps[count])

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
                self.model.head.forward(self.model.extract_feat(self.inputs))

    def keep_features(self) -> None:
        """Compute the features that :meth:`predict_from_features` starts from."""
        with torch.inference_mode(), self.autocast():
            views = [self.inputs]
            if self.settings.flip:
                views.append(self.inputs.flip(-1))
            maps = [self.model.extract_feat(view) for view in views]
            self._features = maps if self.settings.flip else maps[0]

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
        """Normalised images (B, 3, h, w)."""
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
        samples = make_samples(settings, self.metainfo['flip_indices'])
        data = dict(inputs=[image] * settings.batch, data_samples=samples)
        inputs = self.model.data_preprocessor(data, False)['inputs']
        if settings.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs

    def _place_detector(self) -> str:
        head = self.model.head
        if hasattr(head, 'detector'):
            types = [*self.metainfo['flip_indices'], self.num_keypoints]
            head.detector = PlacedDetector(head.detector, types).eval()
            return PLACED
        # The host's associative embedding: maps and tags at one resolution.
        return (
            PLACED
            if type(head).__name__ == 'AssociativeEmbeddingHead'
            else (NETWORK_ONLY)
        )

    def _show_to_host_head(self, maps: PlacedMaps) -> None:
        head = self.model.head
        own: Callable = type(head).forward
        level, tags = maps.heatmaps[0], maps.tags
        views = [
            tuple(m[:, : self.num_keypoints].to(self.settings.device) for m in view)
            for view in ((level, tags), (level.flip(-1), tags.flip(-1)))
        ]
        flip = self.metainfo['flip_indices']
        views[1] = tuple(m[:, flip] for m in views[1])
        shown = cycle(views if self.settings.flip else views[:1])

        def forward(feats):
            own(head, feats)
            # The head writes into the maps of the mirrored view.
            return tuple(m.clone() for m in next(shown))

        head.forward = forward


def load_config(config: str) -> Config:
    """Read a config of this package, or of the host by ``mmpose::``.

    Raises:
        FileNotFoundError: If there is none of that name.
    """
    if '::' in config:
        return get_config(config)
    if not Path(config).is_file():
        raise FileNotFoundError(
            f'There is no config {config}. Expected the path of a file, or the name of '
            'one of MMPose, mmpose::body_2d_keypoint/....py.'
        )
    return Config.fromfile(config)


def metainfo_of(config: Config) -> dict:
    """Metainfo of the dataset of a config."""
    dataset = config.test_dataloader.dataset
    given = dataset.get('metainfo')
    with DefaultScope.overwrite_default_scope('mmpose'):
        return parse_pose_metainfo(given or DATASETS.get(dataset.type).METAINFO)


def make_samples(settings: Settings, flip_indices: list[int]) -> list[PoseDataSample]:
    """Samples of images that fill the input."""
    width, height = settings.size
    masks = [
        torch.ones(1, height // step, width // step, dtype=torch.bool)
        for step in (4, 1)
    ]
    samples = []
    for _ in range(settings.batch):
        extent = np.array(settings.size, np.float32)
        sample = PoseDataSample(
            metainfo=dict(
                img_shape=(height, width),
                ori_shape=(height, width),
                input_size=(width, height),
                input_center=extent / 2,
                input_scale=extent,
                flip_indices=list(flip_indices),
            )
        )
        sample.input_masks = MultilevelPixelData(valid=list(masks))
        samples.append(sample.to(settings.device))
    return samples


def parameters_of(model: nn.Module) -> int:
    """Number of weights."""
    return sum(weight.numel() for weight in model.parameters())
