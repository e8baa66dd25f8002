# SPDX-License-Identifier: Apache-2.0
"""Pictures of images and videos, methods next to each other."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from rich.progress import Progress

from ...runtime.media import Source, find_sources
from ...runtime.video_writer import VideoWriter
from ..configs import load_config
from .columns import place_side_by_side
from .methods import Look, MethodColumns

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg')


class Illustrator:
    """Draws images one after the other, in colors that people keep.

    Those of the first method are numbered like in the image before, if that is a frame
    of the same video; those of the others like those of the first.
    """

    def __init__(self, methods: Sequence[MethodColumns]) -> None:
        self._methods = methods
        self._before = None

    def draw(self, image: np.ndarray) -> np.ndarray:
        """All columns of an image."""
        tiles, titles, reference = [], [], self._before
        for index, method in enumerate(self._methods):
            drawn, people = method.draw(image, reference)
            # Who is not there in one frame may be back in the next.
            if index == 0 and (people.numbers or reference is None):
                reference = self._before = people
            tiles += drawn
            titles += method.titles()
        return place_side_by_side(tiles, titles)


def choose_targets(sources: Sequence[Source], out: Path) -> list[Path]:
    """The file to write for each source.

    Raises:
        ValueError: If there is one file for several, or it is of another kind.
    """
    if out.suffix.lower() in (*IMAGE_SUFFIXES, '.mp4'):
        if len(sources) > 1:
            raise ValueError(
                f'--out {out} is one file, but there are {len(sources)} images and '
                'videos; name a folder.'
            )
        if sources[0].is_video != (out.suffix.lower() == '.mp4'):
            kind = 'a video becomes .mp4' if sources[0].is_video else 'an image .png'
            raise ValueError(f'--out {out}: {kind}.')
        targets = [out]
    else:
        targets = []
        for source in sources:
            suffix = '.mp4' if source.is_video else '.png'
            target = out / f'{source.path.stem}{suffix}'
            number = 1
            while target in targets:
                target = out / f'{source.path.stem}_{number}{suffix}'
                number += 1
            targets.append(target)
    read = {source.path.resolve() for source in sources}
    for target in targets:
        if target.resolve() in read:
            raise ValueError(
                f'{target} would replace its own source; choose another --out.'
            )
    return targets


def draw_source(
    source: Source, target: Path, methods: Sequence[MethodColumns]
) -> Iterator[None]:
    """Write the picture of an image or the video of a video, one frame at a time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    illustrator = Illustrator(methods)

    def draw(image: np.ndarray) -> np.ndarray:
        try:
            return illustrator.draw(image)
        except ValueError as error:
            raise ValueError(f'{source.path}: {error}') from error

    if not source.is_video:
        (image,) = source.frames()
        if not cv2.imwrite(str(target), draw(image)):
            raise OSError(f'{target} could not be written.')
        yield
        return
    rate, _ = source.facts()
    video = VideoWriter(target, rate)
    try:
        for frame in source.frames():
            video.write(draw(frame))
            yield
    finally:
        video.close()


def load_methods(
    models: Sequence[tuple[str, str, str]], look: Look, options: dict | None = None
) -> list[MethodColumns]:
    """Build the models, with what must be there checked first.

    Args:
        models (Sequence[tuple[str, str, str]]): Title, config and checkpoint of each.
        look (Look): What is drawn.
        options (dict, optional): Values of every config by dotted name.

    Raises:
        FileNotFoundError: If a config or a checkpoint does not exist.
        CheckpointFileError: If a checkpoint is something else.
    """
    configs = [load_config(config, options) for _, config, _ in models]
    for *_, checkpoint in models:
        if '://' not in checkpoint and not Path(checkpoint).is_file():
            raise FileNotFoundError(f'There is no checkpoint {checkpoint}.')
    return [
        MethodColumns(title, config, checkpoint, look)
        for (title, _, checkpoint), config in zip(models, configs, strict=True)
    ]


def illustrate(
    inputs: Sequence[Path],
    out: Path,
    models: Sequence[tuple[str, str, str]],
    look: Look,
    options: dict | None = None,
) -> None:
    """Draw images and videos, and print the files that were written.

    Args:
        inputs (Sequence[Path]): Images, videos, and folders of these.
        out (Path): A folder, or the file of a single input.
        models (Sequence[tuple[str, str, str]]): Title, config and checkpoint of each.
        look (Look): What is drawn.
        options (dict, optional): Values of every config by dotted name.

    Raises:
        FileNotFoundError: If an input, a config or a checkpoint does not exist.
        OSError: If a file cannot be written.
        ValueError: If something is of another kind than expected, or does not fit.
    """
    sources, others = find_sources(inputs)
    for path in others:
        print(f'visualize: left out {path}: no image and no video', file=sys.stderr)
    targets = choose_targets(sources, out)
    methods = load_methods(models, look, options)
    with Progress() as progress:
        counts = [_count_frames(source) for source in sources]
        task = progress.add_task('Drawing', total=sum(counts))
        for source, target, count in zip(sources, targets, counts, strict=True):
            drawn = 0
            for _ in draw_source(source, target, methods):
                progress.advance(task)
                drawn += 1
            # What a file says is an estimate, but not as bad as that.
            if drawn < 0.9 * count:
                print(
                    f'visualize: {source.path} holds {drawn} frames, though it says '
                    f'{count}: cut short?',
                    file=sys.stderr,
                )
    for target in targets:
        print(target)


def _count_frames(source: Source) -> int:
    """1 of an image, and of a video that does not say how many it has."""
    return source.facts()[1] or 1 if source.is_video else 1
