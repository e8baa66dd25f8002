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
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from media import Source, VideoFile, find_sources
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.registry import DefaultScope
from mmpose.apis import inference_bottomup, init_model
from mmpose.registry import MODELS
from rich.progress import Progress

from centergroup_mm.models import CenterGroupHead, NearestKeypointHead
from centergroup_mm.visualization import (
    LAYERS,
    NEED_EXPLANATION,
    DrawnPeople,
    ExplainedPoses,
    draw_attention,
    match_people,
    overlay_heatmaps,
    place_side_by_side,
    style_from_meta,
)

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
HEATMAPS = 'heatmaps'
SHOWN = (*LAYERS, HEATMAPS)
# What stays legible on the image only if that is fainter.
ON_FADED = set(NEED_EXPLANATION) - {'centers'}
MIN_SIZE = 640
DEFAULT_SHOW = (('poses',), ('candidates', 'attention', 'centers'))
IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg')


class Method:
    """A model and the columns that it can fill."""

    def __init__(
        self, name: str, config: Config, checkpoint: str, args: argparse.Namespace
    ) -> None:
        self.name = name
        explains = can_explain(config)
        self.panels = [
            panel
            for panel in args.show or (DEFAULT_SHOW if explains else DEFAULT_SHOW[:1])
            if explains or set(panel) & {'poses', HEATMAPS}
        ]
        if not self.panels:
            raise ValueError(
                f'{name or config.filename} has no attention, and nothing else is to '
                f'be shown. Add {" or ".join(("poses", HEATMAPS))} to --show.'
            )
        test_cfg = config.model.setdefault('test_cfg', ConfigDict())
        test_cfg.output_attention = explains and needs_explanation(self.panels)
        test_cfg.output_heatmaps = any(HEATMAPS in panel for panel in self.panels)
        self.model = init_model(config, checkpoint, device=args.device)
        self.style = style_from_meta(
            self.model.dataset_meta, person=args.person, keypoint_thr=args.keypoint_thr
        )
        self.score_thr, self.fade = args.score_thr, args.fade

    def predict(self, image: np.ndarray) -> tuple[ExplainedPoses, torch.Tensor | None]:
        """Poses that score enough, and heatmaps if they are shown."""
        (sample,) = inference_bottomup(self.model, image)
        poses = ExplainedPoses.from_instances(sample)
        heatmaps = sample.pred_fields.heatmaps if 'pred_fields' in sample else None
        return poses.select(poses.scores >= self.score_thr), heatmaps

    def draw(
        self, image: np.ndarray, reference: DrawnPeople | None
    ) -> tuple[list[np.ndarray], DrawnPeople]:
        """The columns of an image, in the colours of another method's people."""
        poses, heatmaps = self.predict(image)
        people = as_people(poses, self.style.keypoint_thr)
        comparable = reference is not None and (
            reference.keypoints.shape[1] == people.keypoints.shape[1]
        )
        numbers = match_people(people, reference) if comparable else None
        tiles = []
        for panel in self.panels:
            picture = image
            if HEATMAPS in panel:
                picture = overlay_heatmaps(image, heatmaps)
            fade = self.fade if ON_FADED & set(panel) else 0.0
            layers = [name for name in panel if name != HEATMAPS]
            tiles.append(
                draw_attention(
                    picture,
                    poses,
                    layers,
                    self.style,
                    numbers=numbers,
                    fade=fade,
                    min_size=MIN_SIZE,
                )
            )
        return tiles, reference if comparable else people

    def titles(self) -> list[str]:
        """Of the columns."""
        titles = []
        for panel in self.panels:
            shown = [name for name in panel if name != 'centers' or len(panel) == 1]
            parts = [self.name] * bool(self.name)
            if len(self.panels) > 1:
                parts.append(' + '.join(shown))
            titles.append(': '.join(parts))
        return titles


def can_explain(config: Config) -> bool:
    """Whether the poses of a model come from attention."""
    with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmpose')):
        head = MODELS.get(config.model.get('head', {}).get('type', ''))
    explains = head is not None and issubclass(head, CenterGroupHead)
    return explains and not issubclass(head, NearestKeypointHead)


def needs_explanation(panels: Sequence[Sequence[str]]) -> bool:
    return any(set(panel) & set(NEED_EXPLANATION) for panel in panels)


def as_people(poses: ExplainedPoses, keypoint_thr: float) -> DrawnPeople:
    """For the comparison of people between methods."""
    keypoints = np.nan_to_num(poses.keypoints)
    shown = (poses.keypoint_scores >= keypoint_thr) & (
        np.isfinite(poses.keypoints).all(-1)
    )
    return DrawnPeople(keypoints, shown, np.zeros_like(shown))


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
    """
    configs = [load_config(config, args.cfg_options) for _, config, _ in args.model]
    for *_, checkpoint in args.model:
        if '://' not in checkpoint and not Path(checkpoint).is_file():
            raise FileNotFoundError(f'There is no checkpoint {checkpoint}.')
    return [
        Method(name, config, checkpoint, args)
        for (name, _, checkpoint), config in zip(args.model, configs, strict=True)
    ]


def picture_of(image: np.ndarray, methods: Sequence[Method]) -> np.ndarray:
    """All columns of an image."""
    tiles, titles, reference = [], [], None
    for method in methods:
        drawn, reference = method.draw(image, reference)
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
    if not source.is_video:
        (image,) = source.frames()
        if not cv2.imwrite(str(target), picture_of(image, methods)):
            raise OSError(f'{target} could not be written.')
        yield
        return
    video = VideoFile(target, source.frames_per_second())
    try:
        for frame in source.frames():
            video.write(picture_of(frame, methods))
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
            for _ in draw_source(source, target, methods):
                progress.advance(task)
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
        help='a method, with the title of its columns (may be ""); may be repeated',
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
        action=DictAction,
        default={},
        help='key=value pairs that replace values of every config',
    )
    args = parser.parse_args(argv)
    if not 0 <= args.fade <= 1:
        parser.error(f'--fade is {args.fade}, not from 0 to 1')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    # A polite kill unwinds as Ctrl-C does, so that a video is finished.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(args)
    except (OSError, ValueError, RuntimeError) as error:
        print(f'visualize: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('visualize: interrupted', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
