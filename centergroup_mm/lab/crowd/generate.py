# SPDX-License-Identifier: Apache-2.0
"""Writing a synthetic crowd as a COCO-format dataset."""

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ...folder_lock import FolderInUse, FolderLock
from .annotate import annotate_scene
from .keypoints import KEYPOINT_SETS
from .scene import sample_scene

# Part of a crowd's identity: raise it when the pictures of a seed change.
VERSION = 3

_JPEG_QUALITY = 95
_RECORD = 'crowd.json'
_SPLITS = ('train', 'val')


@dataclass(frozen=True)
class CrowdSpec:
    """Everything that decides a crowd's content, byte for byte.

    Attributes:
        num_train, num_val: Numbers of images.
        size (int): Side of the square images, px.
        seed (int): 0 to 2**32 - 1.
        crowding (float): 0 to 1, see `scene.sample_scene`.
        keypoints (str): 'coco' (17 types) or 'crowdpose' (14).

    Raises:
        ValueError: If a value is out of its range.
    """

    num_train: int = 3000
    num_val: int = 250
    size: int = 256
    seed: int = 0
    crowding: float = 0.5
    keypoints: str = 'coco'

    def __post_init__(self):
        rules = (
            ('num_train', self.num_train >= 0, 'at least 0'),
            ('num_val', self.num_val >= 0, 'at least 0'),
            ('size', 64 <= self.size <= 2048, '64 to 2048 px'),
            ('seed', 0 <= self.seed < 2**32, '0 to 2**32 - 1'),
            ('crowding', 0 <= self.crowding <= 1, '0 to 1'),
            (
                'keypoints',
                self.keypoints in KEYPOINT_SETS,
                f'one of {[*KEYPOINT_SETS]}',
            ),
        )
        for name, holds, expected in rules:
            if not holds:
                raise ValueError(f'{name} is {getattr(self, name)!r}, not {expected}')

    def count(self, split: str) -> int:
        """Return the number of images of 'train' or 'val'."""
        return getattr(self, f'num_{split}')


def image_rng(seed: int, split: str, index: int) -> np.random.Generator:
    """Return the randomness of one image, its own for every split and index."""
    sequence = np.random.SeedSequence([seed, _SPLITS.index(split), index])
    return np.random.default_rng(sequence)


def make_image(spec: CrowdSpec, split: str, index: int):
    """Return image `index` of a split: (S, S, 3) uint8 BGR, annotations, crowd index.

    The scene depends on seed, split, index, size and crowding; the keypoint
    types only choose what is annotated of it.
    """
    scene = sample_scene(image_rng(spec.seed, split, index), spec.size, spec.crowding)
    annotations, crowd_index = annotate_scene(scene, KEYPOINT_SETS[spec.keypoints])
    return scene.image, annotations, crowd_index


def generate_crowd(
    out_dir: str | Path,
    spec: CrowdSpec,
    workers: int = 1,
    overwrite: bool = False,
    progress: Callable[[Iterator, int], Iterator] | None = None,
) -> bool:
    """Write `train/`, `val/`, `annotations/{train,val}.json` and `crowd.json`.

    The folder appears under its name only when it is complete. `crowdIndex` of
    an image is as `annotate.crowd_index` defines it.

    Args:
        out_dir (str | Path): The folder to make.
        spec (CrowdSpec): What to make.
        workers (int): Number of processes; the result does not depend on it.
        overwrite (bool): Replace a crowd of other parameters.
        progress (Callable[[Iterator, int], Iterator], optional): Wraps the iterator
            over images, given their number; for a progress bar.

    Returns:
        Whether anything was written: False if this very crowd already stood.

    Raises:
        FileExistsError: If the folder holds something else and may not be
            replaced: only a crowd ever is, and only with `overwrite`.
        ValueError: If `workers` is not positive.
    """
    if workers < 1:
        raise ValueError(f'workers is {workers}, not at least 1')
    out_dir = Path(out_dir)
    if holds_crowd(out_dir, spec):
        return False
    _check_free(out_dir, overwrite)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(out_dir)
    partial_dir = tempfile.mkdtemp(prefix=f'.{out_dir.name}-', dir=out_dir.parent)
    lock = FolderLock(partial_dir, 'which draws a crowd')
    lock.acquire()
    try:
        staged = Path(partial_dir, 'crowd')
        _write(staged, spec, workers, progress or (lambda items, total: items))
        if out_dir.exists():
            out_dir.rename(Path(partial_dir, 'replaced'))
        staged.rename(out_dir)
    finally:
        shutil.rmtree(partial_dir, ignore_errors=True)
        lock.release()
    return True


def _remove_abandoned(out_dir: Path) -> None:
    """Remove what drawings of this crowd have left that were killed."""
    for folder in out_dir.parent.glob(f'.{out_dir.name}-*'):
        lock = FolderLock(folder, 'which draws a crowd')
        # Only what was made here and is in nobody's hands.
        if lock.path.is_file():
            with contextlib.suppress(FolderInUse):
                lock.acquire()
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()


def holds_crowd(folder: Path, spec: CrowdSpec) -> bool:
    """Whether a folder holds the whole crowd that `spec` describes."""
    try:
        record = json.loads((folder / _RECORD).read_text())
    except (OSError, ValueError):
        return False
    return record == _record(spec) and all(
        (folder / 'annotations' / f'{split}.json').is_file()
        and len(list((folder / split).glob('*.jpg'))) == spec.count(split)
        for split in _SPLITS
    )


def _record(spec: CrowdSpec) -> dict:
    return dict(version=VERSION, **asdict(spec))


def _check_free(out_dir: Path, overwrite: bool) -> None:
    if out_dir.is_dir():
        is_crowd = (out_dir / _RECORD).is_file()
        if not any(out_dir.iterdir()) or (overwrite and is_crowd):
            return
        if is_crowd:
            raise FileExistsError(
                f'{out_dir} holds a crowd of other parameters or an incomplete one; '
                'overwrite it (--overwrite) or choose another folder'
            )
        raise FileExistsError(
            f'{out_dir} is not empty and holds no {_RECORD}, so it is no crowd and is '
            'never replaced; choose another folder'
        )
    if out_dir.exists():
        raise FileExistsError(f'{out_dir} is not a folder; choose another name')


def _write(folder: Path, spec: CrowdSpec, workers: int, progress) -> None:
    for part in (*_SPLITS, 'annotations'):
        (folder / part).mkdir(parents=True)
    jobs = [(split, i) for split in _SPLITS for i in range(spec.count(split))]
    datasets = {split: _empty_dataset(spec) for split in _SPLITS}
    task = partial(_write_image, folder, spec)
    with _mapped(task, jobs, workers) as results:
        for (split, _), (image, annotations) in zip(
            jobs, progress(results, len(jobs)), strict=True
        ):
            dataset = datasets[split]
            dataset['images'].append(image)
            for annotation in annotations:
                number = len(dataset['annotations']) + 1
                dataset['annotations'].append(
                    dict(id=number, image_id=image['id'], **annotation)
                )
    for split, dataset in datasets.items():
        path = folder / 'annotations' / f'{split}.json'
        path.write_text(json.dumps(dataset, separators=(',', ':')))
    (folder / _RECORD).write_text(json.dumps(_record(spec), indent=1))


@contextlib.contextmanager
def _mapped(task: Callable, jobs: list, workers: int) -> Iterator[Iterator]:
    """Results in the order of the jobs; what is not yet done at the end is left."""
    if workers == 1:
        yield map(task, jobs)
        return
    # A forked worker would wait for ever for OpenCV's threads, which stay behind in
    # the parent.
    context = multiprocessing.get_context('forkserver')
    # Once for all workers: this takes longer than many a crowd.
    context.set_forkserver_preload([__name__])
    # Unlike multiprocessing's pools this one notices when a worker is killed.
    pool = ProcessPoolExecutor(workers, context, _start_worker)
    try:
        yield pool.map(task, jobs, chunksize=8)
    except BrokenProcessPool as error:
        raise RuntimeError(
            'a process that drew images was killed, as happens when memory runs out; '
            f'draw with fewer workers than {workers} (tools/make_crowd.py --workers)'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # The parent handles Ctrl-C and ends the workers; OpenMP would oversubscribe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _end_with_parent() -> None:
    # The server that forks the workers lives as long as they do, and would leave them
    # waiting for work.
    multiprocessing.parent_process().join()
    os._exit(1)


def _write_image(folder: Path, spec: CrowdSpec, job: tuple[str, int]):
    """Write one image; return its COCO entry and its annotations."""
    split, index = job
    picture, annotations, crowd_index = make_image(spec, split, index)
    name = f'{index:06d}.jpg'
    path = os.fspath(folder / split / name)
    if not cv2.imwrite(path, picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]):
        raise OSError(f'{path} could not be written; is the disk full?')
    image = {
        'id': index + 1,
        'file_name': name,
        'width': spec.size,
        'height': spec.size,
        'crowdIndex': crowd_index,
    }
    return image, annotations


def _empty_dataset(spec: CrowdSpec) -> dict:
    keypoint_set = KEYPOINT_SETS[spec.keypoints]
    category = {
        'id': 1,
        'name': 'person',
        'supercategory': 'person',
        'keypoints': list(keypoint_set.names),
        'skeleton': keypoint_set.skeleton,
    }
    return {
        'info': dict(description='Synthetic crowd', **_record(spec)),
        'licenses': [],
        'images': [],
        'annotations': [],
        'categories': [category],
    }
