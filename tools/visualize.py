# SPDX-License-Identifier: Apache-2.0
"""Draw poses, and why each joint went to its person, on images and videos.

Every --model has columns of its own in the picture, one for each --show:

  python tools/visualize.py image.jpg --out picture.png \\
      --model CenterGroup configs/centergroup_w32.py centergroup.pth \\
      --model HigherHRNet configs/higherhrnet_w32.py higherhrnet.pth \\
      --show poses --show candidates pairs centers --show attention centers

A method without attention has only the columns with poses or heatmaps. A person has
the same colour and number in all columns. What can be shown:

  poses       skeletons
  centers     where the model found people, with a number for each
  candidates  all keypoint candidates, faint where unlikely
  pairs       centers and all candidates, as opaque as the attention
  attention   the same where the attention is over 0.5 and the keypoint visible
  runner-ups  of one person (--person), what else its joints might have been, and
              whose that is
  heatmaps    the highest of all keypoint heatmaps

Exit codes: 0 done; 1 failed; 2 wrong arguments; 130 or 143 interrupted.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from command_line import key_value, run_tool
from media import Source, VideoFile, find_sources
from method_columns import SHOWN, Method
from mmengine.config import Config, DictAction
from rich.progress import Progress

from centergroup_mm.visualization import place_side_by_side

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg')


def load_config(name: str, options: dict) -> Config:
    """By path, or by the name of one of this package's configs.

    Raises:
        FileNotFoundError: If there is none.
    """
    for path in (Path(name), CONFIGS / name, CONFIGS / f'{name}.py'):
        if path.is_file():
            config = Config.fromfile(path)
            config.merge_from_dict(options)
            return config
    raise FileNotFoundError(
        f'There is no config {name}, neither here nor in {CONFIGS}.'
    )


def load_methods(args: argparse.Namespace) -> list[Method]:
    """Build the models, with what must be there checked first.

    Raises:
        FileNotFoundError: If a checkpoint does not exist.
        CheckpointFileError: If one is something else.
    """
    configs = [load_config(config, args.cfg_options) for _, config, _ in args.model]
    for *_, checkpoint in args.model:
        if '://' not in checkpoint and not Path(checkpoint).is_file():
            raise FileNotFoundError(f'There is no checkpoint {checkpoint}.')
    return [
        Method(name, config, checkpoint, args)
        for (name, _, checkpoint), config in zip(args.model, configs, strict=True)
    ]


class Illustrator:
    """Draws images one after the other, in colours that people keep.

    Those of the first method are numbered like in the image before, if that is a frame
    of the same video; those of the others like those of the first.
    """

    def __init__(self, methods: Sequence[Method]) -> None:
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
    source: Source, target: Path, methods: Sequence[Method]
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
    video = VideoFile(target, source.frames_per_second())
    try:
        for frame in source.frames():
            video.write(draw(frame))
            yield
    finally:
        video.close()


def run(args: argparse.Namespace) -> None:
    sources, others = find_sources(args.inputs)
    for path in others:
        print(f'visualize: left out {path}: no image and no video', file=sys.stderr)
    targets = choose_targets(sources, args.out)
    methods = load_methods(args)
    with Progress() as progress:
        total = sum(source.num_frames for source in sources)
        task = progress.add_task('Drawing', total=total)
        for source, target in zip(sources, targets, strict=True):
            drawn = 0
            for _ in draw_source(source, target, methods):
                progress.advance(task)
                drawn += 1
            # What a file says is an estimate, but not as bad as that.
            if drawn < 0.9 * source.num_frames:
                print(
                    f'visualize: {source.path} holds {drawn} frames, though it says '
                    f'{source.num_frames}: cut short?',
                    file=sys.stderr,
                )
    for target in targets:
        print(target)


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'inputs', nargs='+', type=Path, help='images, videos, folders of these'
    )
    parser.add_argument(
        '--model',
        nargs=3,
        action='append',
        required=True,
        metavar=('TITLE', 'CONFIG', 'CHECKPOINT'),
        help='a method, with the title of its columns (ASCII, may be ""); may be '
        'repeated',
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        help='a folder, or the file (.png, .jpg, .mp4) of a single input',
    )
    parser.add_argument(
        '--show',
        nargs='+',
        action='append',
        choices=SHOWN,
        help='what one column shows; may be repeated; default: --show poses, and where '
        'there is attention also --show candidates attention centers',
    )
    parser.add_argument(
        '--person',
        type=int,
        default=0,
        help='number of the person for runner-ups, as centers shows it; default: 0',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='poses that score less are left out; default: %(default)s',
    )
    parser.add_argument(
        '--keypoint-thr',
        type=float,
        default=0.3,
        help='keypoints that score less are left out; default: %(default)s',
    )
    parser.add_argument(
        '--fade',
        type=float,
        default=0.5,
        help='share of white in the image under connections and candidates, 0 to 1; '
        'default: %(default)s',
    )
    parser.add_argument(
        '--device',
        default='cuda:0' if torch.cuda.is_available() else 'cpu',
        help='default: %(default)s',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        type=key_value,
        action=DictAction,
        default={},
        help='key=value pairs that replace values of every config',
    )
    args = parser.parse_args(argv)
    for title, *_ in args.model:
        if not title.isascii():
            parser.error(f'title {title!r}: only ASCII can be written into pictures')
    if not 0 <= args.fade <= 1:
        parser.error(f'--fade is {args.fade}, not from 0 to 1')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    return run_tool('visualize', lambda: run(args))


if __name__ == '__main__':
    sys.exit(main())
