# SPDX-License-Identifier: Apache-2.0
"""All trainings and tests of a comparison of grouping methods."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.apis import init_model
from mmpose.registry import DATASETS

from ..coco import Poses, Truth, load_truth
from ..files import write_atomically
from .benchmark.people import ShowingDetector, draw_truth
from .benchmark.prediction import TimedPrediction, predict_images
from .command_line import progress_bar
from .comparison_table import write_comparison
from .configs import CONFIGS
from .crowd import CrowdSpec, generate_crowd
from .evaluation import (
    analyze_errors,
    average_precision,
    average_precision_by_crowd_level,
    best_pose_threshold,
)
from .training import train_once

DETECTOR = 'higherhrnet_tiny_center.py'
METHODS = {
    'CenterGroup': 'centergroup_tiny.py',
    'HigherHRNet + AE': DETECTOR,
    'CenterNet': 'centernet_tiny.py',
    'CenterGroup+': 'centergroup_plus_tiny.py',
}
# Share of people who stand close to somebody in the held-out crowds.
CROWDINGS = (0.0, 0.5, 1.0)
# What a method is tested with in the place of its own heatmaps.
HEATMAPS = {
    'predicted': None,
    'centers': dict(centers_only=True),
    'true': dict(centers_only=False),
}
WARM_UP = 100


class Comparison:
    """All trainings and tests, each done once.

    Args:
        work_dir (Path): Trainings, results, and the table of them.
        data_root (Path): The training crowd, drawn if it is not there; held-out crowds
            lie beside it.
        seeds (int): How often all is trained.
        images (int): Held-out images of each crowding.
        iterations (int, optional): Of the detector, and again of each method. Defaults
            to those of CenterGroup's config.
    """

    def __init__(
        self,
        work_dir: Path,
        data_root: Path,
        seeds: int,
        images: int,
        iterations: int | None = None,
    ) -> None:
        self.work_dir, self.data_root = work_dir, data_root
        self.seeds, self.images = seeds, images
        config = Config.fromfile(CONFIGS / METHODS['CenterGroup'])
        self.iterations = iterations or config.train_cfg.max_iters
        self.crowds = {
            crowding: self.data_root.with_name(f'{self.data_root.name}_{crowding}')
            for crowding in CROWDINGS
        }

    def run(self) -> None:
        self.draw_crowds()
        results = []
        for seed in range(self.seeds):
            detector = self.train_detector(seed)
            for method, name in METHODS.items():
                checkpoint = self.train_method(method, seed, detector)
                for crowding in CROWDINGS:
                    for heatmaps in HEATMAPS:
                        result = self.test(
                            CONFIGS / name, checkpoint, crowding, heatmaps
                        )
                        results.append(dict(method=method, seed=seed, **result))
        settings = dict(
            seeds=self.seeds, iterations=self.iterations, images=self.images
        )
        for path in write_comparison(self.work_dir, results, settings):
            print(path)

    def draw_crowds(self) -> None:
        """The training crowd, and held-out crowds that differ in crowding alone."""
        specs = {} if self.data_root.is_dir() else {self.data_root: CrowdSpec()}
        for crowding, folder in self.crowds.items():
            specs[folder] = CrowdSpec(
                num_train=0, num_val=self.images, crowding=crowding
            )
        for folder, spec in specs.items():
            generate_crowd(
                folder,
                spec,
                workers=os.cpu_count() or 1,
                progress=progress_bar('Drawing'),
            )

    def train_detector(self, seed: int) -> Path:
        """Train once what all methods start from; returns its checkpoint."""
        folder = self.work_dir / f'seed_{seed}' / 'detector'
        return self.train(CONFIGS / DETECTOR, folder, seed)

    def train_method(self, method: str, seed: int, detector: Path) -> Path:
        """Train a method from the detector once; returns its checkpoint."""
        config = CONFIGS / METHODS[method]
        folder = self.work_dir / f'seed_{seed}' / config.stem
        return self.train(config, folder, seed, load_from=str(detector))

    def train(self, config: Path, folder: Path, seed: int, **options: object) -> Path:
        """Train a config once; returns its checkpoint."""
        warm_up = max(1, min(WARM_UP, self.iterations // 10))
        options |= {
            'randomness.seed': seed,
            'train_cfg.max_iters': self.iterations,
            'train_cfg.val_interval': self.iterations + 1,
            'param_scheduler.0.end': warm_up,
            'param_scheduler.1.begin': warm_up,
            'param_scheduler.1.end': self.iterations,
            'param_scheduler.1.T_max': self.iterations - warm_up,
            'train_dataloader.dataset.data_root': f'{self.data_root}/',
            # Built with the rest, though nothing is validated on the way.
            'val_dataloader.dataset.data_root': f'{self.data_root}/',
        }
        advice = 'Remove it, or choose another --work-dir.'
        return train_once(config, folder, options, advice)

    def test(
        self, config: Path, checkpoint: Path, crowding: float, heatmaps: str
    ) -> dict:
        """Measure a trained method on one crowd; the result is kept."""
        name = f'crowding_{crowding}_{heatmaps}_{self.images}.json'
        out = checkpoint.with_name(name)
        trained = checkpoint.stat().st_mtime
        if not out.is_file() or out.stat().st_mtime < trained:
            result = self.measure(config, checkpoint, self.crowds[crowding], heatmaps)
            result |= dict(crowding=crowding, heatmaps=heatmaps)
            write_atomically(out, json.dumps(result, indent=1).encode())
        return json.loads(out.read_text())

    def measure(
        self, config: Path, checkpoint: Path, crowd: Path, heatmaps: str
    ) -> dict:
        """Predict a crowd and analyze the result."""
        settings = Config.fromfile(config)
        init_default_scope('mmpose')
        model = init_model(settings, str(checkpoint), device='cpu')
        dataset = DATASETS.build(
            dict(settings.test_dataloader.dataset, data_root=f'{crowd}/')
        )
        truth = load_truth(crowd / 'annotations' / 'val.json')
        before = None
        if (replaced := HEATMAPS[heatmaps]) is not None:
            flip_types = [*dataset.metainfo['flip_indices'], truth.num_keypoints]
            model.head.detector = detector = ShowingDetector(
                model.head.detector, flip_types, **replaced
            )
            make_room_for_true_centers(model.head.decoder)

            def before(sample):
                image = truth[sample.metainfo['img_id']]
                detector.show(draw_truth(sample, image))

        show = progress_bar(f'{config.stem}, {crowd.name}, {heatmaps}')
        predictions = list(show(predict_images(model, dataset, before), len(dataset)))
        return summarize(truth, predictions, dataset.metainfo)


def make_room_for_true_centers(decoder: object) -> None:
    """Give a codec with ``fine_centers`` four slots for each center.

    On the finest heatmaps alone a true center is a plateau of four pixels, each of them
    a candidate. Predicted centers have no plateaus.
    """
    if getattr(decoder, 'fine_centers', False):
        decoder.num_centers *= 4


def summarize(
    truth: Truth, predictions: Sequence[TimedPrediction], metainfo: dict
) -> dict[str, float | None]:
    """AP, shares of errors and milliseconds; None where there is nothing to measure."""
    poses = {}
    for sample, *_ in predictions:
        found = sample.pred_instances
        poses[sample.metainfo['img_id']] = Poses(
            found.keypoints, found.keypoint_scores, found.bbox_scores
        )
    sigmas = np.asarray(metainfo['sigmas'])
    precision = average_precision(truth, poses, sigmas).as_dict()
    levels = average_precision_by_crowd_level(truth, poses, sigmas, 'keypoints')
    # Each method at the scores that serve it best: their scales differ.
    rates = (
        analyze_errors(
            truth,
            poses,
            sigmas,
            np.asarray(metainfo['flip_indices']),
            pose_threshold=best_pose_threshold(truth, poses, sigmas),
        )
        .counts()
        .rates()
    )
    values = precision | {f'ap_crowd_{level}': ap.ap for level, ap in levels.items()}
    values |= {f'{name}_rate': rate for name, rate in rates.items()}
    for part in ('network', 'grouping'):
        seconds = [getattr(prediction, part) for prediction in predictions]
        values[f'{part}_ms'] = 1000 * float(np.median(seconds))
    return {
        name: None if math.isnan(value) else float(value)
        for name, value in values.items()
    }
