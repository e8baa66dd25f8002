# SPDX-License-Identifier: Apache-2.0
"""What the parts of the command ``centergroup`` take."""

import argparse
from pathlib import Path

_MODEL = 'exported model, NAME.onnx, or "demo": that of "centergroup demo"'
_KEYPOINT_THR = 0.3


def add_predict(commands) -> argparse.ArgumentParser:
    """The parser of ``centergroup predict``, one of ``commands``."""
    parser = commands.add_parser('predict', help='poses of images, videos, a camera')
    _add_model(parser)
    parser.add_argument(
        'sources',
        nargs='+',
        type=_named,
        metavar='SOURCE',
        help='images, videos, folders of them, or the number of a camera',
    )
    parser.add_argument('--out', type=_folder, required=True, help='folder to write to')
    parser.add_argument(
        '--score-thr',
        type=_share,
        help="leave out people scoring less, 0 to 1 (default: the model's own, which "
        '"centergroup info" tells; 0, as for an evaluation, shows ghosts)',
    )
    parser.add_argument(
        '--keypoint-thr',
        type=_share,
        # Its default is filled in later: whether it was given is asked before.
        help=f'do not draw keypoints scoring less (default: {_KEYPOINT_THR})',
    )
    parser.add_argument(
        '--no-pictures', action='store_true', help='write the poses alone'
    )
    parser.add_argument(
        '--frames', type=_count, help='stop a video or camera after so many frames'
    )
    parser.add_argument(
        '--shard',
        type=_shard,
        metavar='3/16',
        help='of very many images, in folders or in texts with a path on each line, '
        'write the poses alone of a share, and go on where a run was stopped',
    )
    parser.set_defaults(refuse=parser.error)
    return parser


def check_predict(args: argparse.Namespace) -> None:
    """Refuse arguments of ``centergroup predict`` that do not go together.

    ``keypoint_thr`` gets its default.

    Raises:
        SystemExit: With the code 2, as for an argument that is wrong by itself.
    """
    pictures = {
        '--frames': args.frames is not None,
        '--keypoint-thr': args.keypoint_thr is not None,
        '--no-pictures': args.no_pictures,
    }
    for option, is_given in pictures.items():
        if is_given and args.shard is not None:
            args.refuse(
                f'{option} does not go with --shard, which writes the poses of images '
                'alone. Leave it out'
            )
    if args.keypoint_thr is None:
        args.keypoint_thr = _KEYPOINT_THR
    # Poses alone are no pictures, and a shard takes every file for one.
    is_read_again = args.shard is not None or not args.no_pictures
    if is_read_again and any(_is_same(Path(s), args.out) for s in args.sources):
        args.refuse(
            f'--out {args.out} is a source too, and the next run would take what this '
            'one writes for images. Name another folder, one below it for example'
        )


def add_demo(commands) -> argparse.ArgumentParser:
    """The parser of ``centergroup demo``, one of ``commands``."""
    parser = commands.add_parser(
        'demo', help='draw a crowd and find its poses, by a model of drawn people'
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('centergroup_demo.png'),
        help='picture to write (default: %(default)s)',
    )
    parser.add_argument(
        '--number', type=_count, default=1, help='which crowd (default: %(default)s)'
    )
    return parser


def add_info(commands) -> argparse.ArgumentParser:
    """The parser of ``centergroup info``, one of ``commands``."""
    parser = commands.add_parser('info', help='what a model says of itself')
    parser.add_argument('model', help=_MODEL)
    parser.add_argument('--json', action='store_true', help='for programs')
    return parser


def add_serve(commands) -> argparse.ArgumentParser:
    """The parser of ``centergroup serve``, one of ``commands``."""
    parser = commands.add_parser(
        'serve', help='a web page with upload and webcam (extra "demo")'
    )
    _add_model(parser)
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen at; 0.0.0.0 lets others in (default: %(default)s)',
    )
    parser.add_argument('--port', type=_count, default=7860)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('model', help=_MODEL)
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    parser.add_argument('--threads', type=_count, help='of the CPU; default: all')


def _is_same(source: Path, out: Path) -> bool:
    return source.exists() and out.exists() and source.samefile(out)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no number from 1 on')
    return int(text)


def _named(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError('an empty text names no file')
    return text


def _folder(text: str) -> Path:
    path = Path(_named(text))
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f'{text} is a file, no folder')
    return path


def _shard(text: str):
    from .shards import Shard

    try:
        return Shard.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no number from 0 to 1')
    return value
