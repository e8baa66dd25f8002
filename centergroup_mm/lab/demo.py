# SPDX-License-Identifier: Apache-2.0
"""The steps of the demonstration."""

import json
import os
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
from mmengine.config import Config
from mmpose.apis import MMPoseInferencer

from ..coco import Truth, most_crowded
from ..visualization import draw_comparison
from .command_line import progress_bar
from .configs import CONFIGS
from .crowd import CrowdSpec, generate_crowd
from .demo_report import write_demo_report
from .mim import run_mim, shown
from .training import check_unused, train_once

CONFIG = CONFIGS / 'centergroup_tiny.py'
PICTURES = 12
# Poses that score less are left out of pictures. AP is measured on all.
SCORE_THR = 0.3
# What of CenterGroup+ needs no training of its own, by its config.
PLUS = CONFIGS / '_base_' / 'plus.py'
# The ablation: keypoints by distance alone, taken from all candidates that the model
# has, or only from likely ones. Of thresholds from 0.1 to 0.5, 0.3 served it best.
NEAREST = {'model.test_cfg.grouping': 'nearest'}
NEAREST_LIKELY = {**NEAREST, 'model.test_cfg.min_candidate_score': 0.3}
# Every pose of a test, as CocoMetric writes them.
RESULTS_SUFFIX = '.keypoints.json'
RESULTS = f'results{RESULTS_SUFFIX}'
METRICS = ('AP', 'AP .5', 'AP .75', 'AR')
QUICK_CROWD = CrowdSpec(num_train=12, num_val=4)
QUICK_OPTIONS = {
    'train_cfg.max_iters': 4,
    'train_cfg.val_interval': 4,
    'train_dataloader.batch_size': 2,
    'default_hooks.logger.interval': 1,
}


def crowd_reading() -> dict[str, object]:
    """Options by which a test reads any CenterGroup as CenterGroup+ is read."""
    head = Config.fromfile(PLUS).plus.head
    options = {f'decoder.{key}': value for key, value in head.decoder.items()}
    options |= {key: head[key] for key in ('average_attention', 'exclusive')}
    return {f'model.head.{key}': value for key, value in options.items()}


class Demo:
    """The steps in order, and what each leaves to the next.

    Args:
        data_root (Path): The synthetic crowd, drawn if it is not there.
        work_dir (Path): Checkpoints, logs, pictures and the report.
        retrain (bool): Whether what is there is replaced. Defaults to False.
        quick (bool): Whether a few images and iterations do. Defaults to False.
    """

    def __init__(
        self,
        data_root: Path,
        work_dir: Path,
        retrain: bool = False,
        quick: bool = False,
    ) -> None:
        self.data_root, self.work_dir, self.retrain = data_root, work_dir, retrain
        self.crowd = QUICK_CROWD if quick else CrowdSpec()
        self.options = QUICK_OPTIONS.copy() if quick else {}
        self.config = Config.fromfile(CONFIG)
        if self.data_root != Path(self.config.data_root):
            for part in ('train', 'val', 'test'):
                key = f'{part}_dataloader.dataset.data_root'
                self.options[key] = f'{self.data_root}/'
        self.config.merge_from_dict(self.options)
        self.pictures = self.work_dir / 'pictures'
        self.grid = self.work_dir / 'crowd_grid.png'
        self.seconds = {}

    def run(self) -> None:
        with self.step('Synthetic crowd'):
            self.make_crowd()
        with self.step('Training'):
            self.checkpoint = self.train()
        with self.step('COCO AP on the held-out images'):
            results = {
                'CenterGroup': self.test('test', {}),
                'the same, read for crowds': self.test('test_crowds', crowd_reading()),
                'nearest candidate': self.test('test_nearest', NEAREST),
                'nearest likely candidate': self.test(
                    'test_nearest_likely', NEAREST_LIKELY
                ),
            }
        crowded = most_crowded(self.data_root / 'annotations' / 'val.json', PICTURES)
        with self.step('Poses by MMPoseInferencer'):
            predictions = self.infer(crowded)
        with self.step('Picture grid'):
            picture = draw_comparison(self.data_root / 'val', crowded, predictions)
            if not cv2.imwrite(str(self.grid), picture):
                raise OSError(f'{self.grid} could not be written')
            print(f'{self.grid}: the {len(crowded)} most crowded held-out images')
        with self.step('Report'):
            self.report = write_demo_report(
                self.work_dir,
                self.config,
                self.checkpoint,
                results,
                self.work_dir / 'test' / RESULTS,
                crowded,
                predictions,
            )
            print(f'{self.report}: to be opened in a browser')
        self.summarize(results)

    @contextmanager
    def step(self, title: str):
        print(f'\n=== {len(self.seconds) + 1}/6 {title} ===', flush=True)
        start = time.monotonic()
        yield
        self.seconds[title] = time.monotonic() - start

    def make_crowd(self) -> None:
        written = generate_crowd(
            self.data_root,
            self.crowd,
            workers=os.cpu_count() or 1,
            overwrite=self.retrain,
            progress=progress_bar('Drawing'),
        )
        print(
            f'{self.data_root}: {self.crowd.num_train} training images, '
            f'{self.crowd.num_val} held out' + ('' if written else ' (already there)')
        )

    def train(self) -> Path:
        """Train, take a stopped training up again, or keep a finished one."""
        if self.retrain:
            check_unused(self.work_dir)
            for path in [*self.work_dir.glob('*.pth'), self.work_dir / CONFIG.name]:
                path.unlink(missing_ok=True)
        advice = 'Replace it (make demo ARGS=--retrain) or choose another --work-dir.'
        return train_once(CONFIG, self.work_dir, self.options, advice)

    def test(self, name: str, options: dict) -> dict[str, float]:
        """COCO metrics of the checkpoint, measured once."""
        folder = self.work_dir / name
        out, results = folder / 'metrics.json', folder / RESULTS
        trained = self.checkpoint.stat().st_mtime
        kept = out.is_file() and results.is_file() and out.stat().st_mtime >= trained
        if not kept:
            prefix = str(results).removesuffix(RESULTS_SUFFIX)
            options = {'test_evaluator.outfile_prefix': prefix, **options}
            arguments = ['--checkpoint', self.checkpoint, '--out', out]
            self.mim('test', arguments, folder, {**self.options, **options})
        return json.loads(out.read_text())

    def mim(self, command: str, arguments: list, work_dir: Path, options: dict) -> None:
        """Run a command that users know on the tiny config."""
        overrides = [f'{key}={value}' for key, value in options.items()]
        run_mim(
            [command, 'mmpose', shown(CONFIG), *arguments, '--work-dir', work_dir]
            + ['--cfg-options', *overrides] * bool(overrides)
        )

    def infer(self, crowded: Truth) -> list[list[dict]]:
        self.config.model.test_cfg.score_thr = SCORE_THR
        inferencer = MMPoseInferencer(
            pose2d=self.config, pose2d_weights=str(self.checkpoint)
        )
        names = [image.file_name for image in crowded.images.values()]
        paths = [str(self.data_root / 'val' / name) for name in names]
        results = inferencer(paths, vis_out_dir=str(self.pictures))
        predictions = [result['predictions'][0] for result in results]
        print(f'{self.pictures}: poses that score at least {SCORE_THR}')
        return predictions

    def summarize(self, results: dict[str, dict[str, float]]) -> None:
        print('\n=== Summary ===')
        print(f'{"grouping":26}' + ''.join(f'{name:>8}' for name in METRICS))
        for name, metrics in results.items():
            values = [metrics[f'coco/{key}'] for key in METRICS]
            print(f'{name:26}' + ''.join(f'{value:8.3f}' for value in values))
        learned, _, *nearest = (metrics['coco/AP'] for metrics in results.values())
        print(
            f'Learned grouping, against the best by distance: '
            f'{learned - max(nearest):+.3f} AP\n'
        )
        places = {
            'config': shown(CONFIG),
            'crowd': self.data_root,
            'checkpoint': self.checkpoint,
            'logs': self.work_dir,
            'poses': self.pictures,
            'picture grid': self.grid,
            'report': self.report,
        }
        for name, place in places.items():
            print(f'{name:14}{place}')
        for title, seconds in self.seconds.items():
            print(f'{seconds:8.0f} s  {title}')
