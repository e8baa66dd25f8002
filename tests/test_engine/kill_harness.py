# SPDX-License-Identifier: Apache-2.0
"""Kill trainings, resume them, and compare them with one that was never killed.

The training is that of configs/centergroup_tiny.py, smaller, with what makes resuming
hard: dropout, no seed in the config, a moving average of the weights, accumulated
gradients, of which some wait when a checkpoint is written, validation, and a best
checkpoint. Every process ends by SIGKILL: in the middle of a save, at POINTS, or after
a random time.

    cd tests; python -m test_engine.kill_harness --points --random 100

Exit code 0 if every trial holds what is promised, else 1.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import mmengine.config.config
import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.runner import Runner
from mmpose.registry import METRICS

import centergroup_mm
from centergroup_mm.checkpoint_files import read_checkpoint
from centergroup_mm.engine.checkpoint_folder import is_whole, named_checkpoint
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd

from .kill_points import INTERVAL, ITERATIONS, POINTS, KillHook

REPOSITORY = Path(centergroup_mm.__file__).resolve().parents[1]
# The checkpoints of a training that has ended.
LEFT = [f'best_score_iter_{ITERATIONS}.pth', f'iter_{ITERATIONS}.pth']


def settings(crowd: Path, work_dir: Path, workers: int, resume: bool) -> Config:
    """The training: as the demo's, at 64 px."""
    config = Config.fromfile(REPOSITORY / 'configs' / 'centergroup_tiny.py')
    size = (64, 64)
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.update(batch_size=2, num_workers=workers)
        loader.persistent_workers = workers > 0
        loader.dataset.data_root = f'{crowd}/'
        for transform in loader.dataset.pipeline:
            if 'input_size' in transform:
                transform.input_size = size
            if 'encoder' in transform:
                transform.encoder.input_size = size
    config.model.head.decoder.input_size = size
    config.model.head.grouping.dropout = 0.1
    config.train_cfg.update(max_iters=ITERATIONS, val_interval=INTERVAL)
    config.optim_wrapper.accumulative_counts = 3
    config.param_scheduler = [dict(type='LinearLR', begin=0, end=10, by_epoch=False)]
    config.default_hooks.checkpoint.update(
        interval=INTERVAL, max_keep_ckpts=1, save_best='score'
    )
    config.val_evaluator = dict(type='IterationMetric')
    config.default_hooks.logger.interval = 1
    config.custom_hooks = [
        dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.1),
        dict(type='FlushDenormalsHook'),
    ]
    config.visualizer.vis_backends = []
    config.merge_from_dict(dict(work_dir=str(work_dir), resume=resume))
    config.log_level = 'WARNING'
    return config


@METRICS.register_module()
class IterationMetric(BaseMetric):
    """Rises, so that every validation finds a better checkpoint."""

    def process(self, data_batch, data_samples):
        self.results.append(None)

    def compute_metrics(self, results):
        return dict(score=MessageHub.get_current_instance().get_info('iter'))


class ProgressHook(Hook):
    """Writes down the iteration that is done, as the last of all hooks."""

    priority = 100

    def before_train(self, runner):
        Path(runner.work_dir, 'started_at').write_text(str(runner.iter))

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        Path(runner.work_dir, 'done').write_text(str(runner.iter + 1))


def differences(one, other, name: str = '') -> list[str]:
    """Name what differs between two nested structures, bit for bit."""
    if isinstance(one, dict) and isinstance(other, dict) and set(one) == set(other):
        pairs = [(one[key], other[key], f'{name}.{key}') for key in one]
    elif isinstance(one, (list, tuple)) and len(one) == len(other):
        pairs = [(a, b, f'{name}.{i}') for i, (a, b) in enumerate(zip(one, other))]  # noqa: B905
    elif isinstance(one, torch.Tensor):
        same = one.dtype == other.dtype and torch.equal(one, other)
        return [] if same else [name]
    else:
        return [] if one == other else [name]
    return [found for pair in pairs for found in differences(*pair)]


def outcome(checkpoint: Path) -> dict:
    """All of a training's last checkpoint except the time of day."""
    content = read_checkpoint(checkpoint)
    meta = content.pop('meta')
    content.pop('message_hub')
    for key in ('iter', 'seed', 'training_state'):
        content[key] = meta[key]
    return content


class Harness:
    """Trials in one folder, each process a fork of this one.

    Args:
        folder (Path): For everything.
        seed (int): Decides the times of the random kills.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.seconds = {}

    def prepare(self) -> None:
        """Draw the crowd, and train without interruption, without and with workers."""
        crowd = CrowdSpec(num_train=10, num_val=2, size=64, seed=1)
        self.finish(self.fork(lambda: generate_crowd(self.folder / 'crowd', crowd)))
        for workers in (0, 2):
            start = time.monotonic()
            self.finish(self.train(f'straight_{workers}', workers))
            self.seconds[workers] = time.monotonic() - start

    def fork(self, work: Callable) -> int:
        """Do something in a process of its own; returns its id."""
        process = os.fork()
        if process:
            return process
        try:
            log = os.open(self.folder / 'log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            work()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)

    def finish(self, process: int) -> None:
        """Wait for a process that must end well."""
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if code:
            log = (self.folder / 'log').read_text(errors='replace')
            raise RuntimeError(f'A process ended with {code}:\n{log[-4000:]}')

    def train(
        self, name: str, workers: int, resume: bool = False, point: str | None = None
    ) -> int:
        """Train in a process of its own."""
        hooks = [ProgressHook()] + [KillHook(point)] * (point is not None)

        def work() -> None:
            # The seed that the runner draws: the same in every first start, so that
            # they can be compared, and another one when there is something to resume.
            np.random.seed(int(any((self.folder / name).glob('iter_*.pth'))))
            torch.set_num_threads(1)
            # Beautifies the config in each checkpoint: two thirds of all the time.
            mmengine.config.config.FormatCode = lambda text, **_: (text, True)
            work_dir = self.folder / name
            config = settings(self.folder / 'crowd', work_dir, workers, resume)
            runner = Runner.from_cfg(config)
            for hook in hooks:
                runner.register_hook(hook)
            runner.train()

        return self.fork(work)

    def trial(self, name: str, workers: int, point: str | None) -> dict:
        """Kill one training, resume it, compare."""
        folder = self.folder / name
        process = self.train(name, workers, point=point)
        result = dict(name=name, workers=workers)
        if point is None:
            result['after'] = round(self.random.uniform(0, self.seconds[workers]), 3)
            time.sleep(result['after'])
            os.kill(process, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if code not in (0, -signal.SIGKILL):
            raise RuntimeError((self.folder / 'log').read_text()[-4000:])
        result.update(killed=code != 0, **self.examine(folder))
        if code == 0:
            # It was faster than the first: later ones are killed sooner.
            self.seconds[workers] *= 0.8
        self.finish(self.train(name, workers, resume=True))
        result['resumed'] = int((folder / 'started_at').read_text())
        result['lost'] = result['done'] - result['resumed']
        differ = self.folder / 'differ'
        self.finish(self.fork(lambda: self.compare(folder, workers, differ)))
        result['different'] = json.loads(differ.read_text())
        result['left'] = sorted(path.name for path in folder.glob('*.pth*'))
        shutil.rmtree(folder)
        return result

    def examine(self, folder: Path) -> dict:
        """What a killed training has left."""
        done = folder / 'done'
        files = [*folder.glob('*.pth')]
        return dict(
            done=int(done.read_text() or 0) if done.exists() else 0,
            unreadable=[path.name for path in files if not is_whole(path)],
            fragments=len([*folder.glob('*.partial')]),
            pointer=named_checkpoint(folder) is not None,
        )

    def compare(self, folder: Path, workers: int, out: Path) -> None:
        last = f'iter_{ITERATIONS}.pth'
        straight = outcome(self.folder / f'straight_{workers}' / last)
        out.write_text(json.dumps(differences(straight, outcome(folder / last))))


def held(result: dict) -> bool:
    """Whether a trial holds what is promised."""
    return (
        not result['unreadable']
        and not result['different']
        and result['lost'] <= INTERVAL
        and result['left'] == LEFT
    )


def summary(results: list[dict]) -> str:
    """Describe trials in a table of Markdown."""
    rows = [
        ('trials', len(results)),
        ('killed before the end', sum(r['killed'] for r in results)),
        ('before the first checkpoint', sum(not r['resumed'] for r in results)),
        ('most iterations lost', max(r['lost'] for r in results)),
        ('unreadable checkpoints', sum(len(r['unreadable']) for r in results)),
        ('not equal to the uninterrupted training', sum(map(differs, results))),
        ('with files left over at the end', sum(r['left'] != LEFT for r in results)),
    ]
    lines = ['| | |', '| --- | ---: |']
    return '\n'.join(lines + [f'| {name} | {number} |' for name, number in rows])


def differs(result: dict) -> bool:
    return bool(result['different'])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--points', action='store_true', help='kill at all points')
    parser.add_argument('--random', type=int, default=0, help='number of random kills')
    parser.add_argument('--seed', type=int, default=0, help='of the random kills')
    parser.add_argument('--out', type=Path, help='JSON file of all results')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        harness = Harness(Path(folder), args.seed)
        harness.prepare()
        kinds = [*POINTS] * args.points + [None] * args.random
        results = []
        for number, point in enumerate(kinds):
            result = harness.trial(f'trial {number}', 2 * (number % 2), point)
            result['point'] = point
            results.append(result)
            shown = {**result, 'different': len(result['different'])}
            print(json.dumps(shown), file=sys.stderr, flush=True)
    if args.out:
        args.out.write_text(json.dumps(results, indent=1))
    print(summary(results))
    return 0 if all(map(held, results)) else 1


if __name__ == '__main__':
    sys.exit(main())
