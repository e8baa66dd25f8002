# SPDX-License-Identifier: Apache-2.0
"""The command ``centergroup``: poses from an exported model."""

import argparse
import json
import sys
from mimetypes import guess_type
from pathlib import Path

from ..texts import printable
from ..version import __version__
from .arguments import add_demo, add_info, add_predict, add_serve, check_predict


def main(arguments: list[str] | None = None) -> int:
    """Run a command; what goes wrong is told in a line.

    Returns:
        int: 0, done; 1, failed or files were passed over; 130, interrupted.
    """
    args = _parser().parse_args(arguments)
    try:
        return args.work(args)
    except ModuleNotFoundError as error:
        _tell(f'{error}. It comes with: pip install "centergroup_mm[runtime]"')
        return 1
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        _tell(error)
        return 1
    except KeyboardInterrupt:
        _tell('interrupted')
        return 130


def predict(args: argparse.Namespace) -> int:
    """``centergroup predict``."""
    check_predict(args)
    if args.shard is not None:
        return predict_shard(args)
    from .prediction import IMAGES, RESULTS, Predictor

    sources, others, bad = _sources(args.sources)
    model = _load(args)
    predictor = Predictor(
        model,
        [*(source.path for source in sources if source.camera is None), *bad],
        args.out,
        args.score_thr,
        args.keypoint_thr,
        not args.no_pictures,
        _progress if sys.stderr.isatty() else lambda *_: None,
    )
    predictor.bad += [
        f'Video {path} cannot be read: it is empty, damaged or of a type that OpenCV '
        'does not know.'
        for path in bad
    ]
    try:
        predictor.add_images([s.path for s in sources if not s.is_video])
        for video in (source for source in sources if source.is_video):
            try:
                predictor.add_video(video, args.frames)
            except KeyboardInterrupt:
                # The usual end of a camera.
                if video.camera is None:
                    raise
    finally:
        # Before what may go wrong in the writing, and after what has gone wrong so far.
        for line in [*predictor.notes, *predictor.bad]:
            _tell(line)
        predictor.close()
    if others:
        _tell(
            f'{len(others)} files that are neither image nor video were passed over: '
            f'{", ".join(path.name for path in others[:5])}'
        )
    print(
        f'{len(predictor.results)} people in {len(predictor.images)} images: '
        f'{args.out / RESULTS}, {args.out / IMAGES}'
    )
    return 1 if predictor.bad else 0


def predict_shard(args: argparse.Namespace) -> int:
    """``centergroup predict --shard``: 0 if every file has its line, bad ones too."""
    from . import shards

    files = shards.list_files([Path(source) for source in args.sources], args.out)
    outcome = shards.predict_shard(
        _load(args),
        files,
        args.shard,
        args.out,
        args.score_thr,
        _progress if sys.stderr.isatty() else lambda *_: None,
    )
    before = f', {outcome.resumed} of them before' if outcome.resumed else ''
    print(f'{outcome.files} files{before}, {outcome.bad} of them bad: {outcome.lines}')
    return 0


def info(args: argparse.Namespace) -> int:
    """``centergroup info``."""
    from ..runtime import PoseModel

    model = PoseModel(_path(args.model))
    if args.json:
        print(json.dumps(model.description.as_dict(), indent=2))
        return 0
    for name, value in model.description.as_dict().items():
        if name == 'skeleton':
            names = model.description.keypoint_names
            value = [f'{names[a]}-{names[b]}' for a, b in value]
        if isinstance(value, list):
            value = ', '.join(map(str, value))
        print(f'{name:20} {printable(str(value))}')
    return 0


def serve(args: argparse.Namespace) -> int:
    """``centergroup serve``."""
    from .web_page import make_page

    page = make_page(_load(args))
    page.launch(server_name=args.host, server_port=args.port)
    return 0


def demo(args: argparse.Namespace) -> int:
    """``centergroup demo``."""
    from ..runtime import DEMO_MODEL, PoseModel
    from .demo import show_demo

    poses = show_demo(PoseModel(DEMO_MODEL), args.out, args.number)
    print(
        f'{args.out}: {len(poses)} people found, by a model that knows drawn people '
        'only.'
    )
    return 0


def _load(args: argparse.Namespace):
    from ..runtime import PoseModel

    return PoseModel(_path(args.model), args.device, args.threads)


def _path(model: str) -> Path:
    """The file of a model; ``demo`` is that of the package."""
    from ..runtime import DEMO_MODEL

    path = Path(model)
    if model != 'demo' or path.exists():
        return path
    _tell('the model of the demonstration knows drawn people only.')
    return DEMO_MODEL


def _sources(texts: list[str]) -> tuple[list, list[Path], list[Path]]:
    """Files, folders and numbers of cameras as sources; what is neither; bad videos.

    Raises:
        FileNotFoundError: If a file or folder does not exist.
        ImageError: If one that is named has nothing to look at, and no video's name.
    """
    from ..runtime import ImageError
    from ..runtime.media import Source, find_sources

    def is_camera(text: str) -> bool:
        return text.isdecimal() and not Path(text).exists()

    sources: list[Source] = []
    others: list[Path] = []
    for path in [Path(text) for text in texts if not is_camera(text)]:
        try:
            found, rest = find_sources([path])
        except ImageError:
            if not _is_named_video(path):
                raise
            found, rest = [], [path]
        sources += found
        others += rest
    cameras = [Source.of_camera(int(text)) for text in texts if is_camera(text)]
    bad = [path for path in others if _is_named_video(path)]
    return sources + cameras, [path for path in others if path not in bad], bad


def _is_named_video(path: Path) -> bool:
    return path.is_file() and (guess_type(path.name)[0] or '').startswith('video')


def _tell(message: object) -> None:
    """A line for the user; names of files are not obeyed by the terminal."""
    print(f'centergroup: {printable(str(message))}', file=sys.stderr)


def _progress(name: str, done: int, total: int | None) -> None:
    """Rewrite a line of the terminal."""
    share = f'/{total}' if total else ''
    bar = f'{"#" * (30 * done // total):30}' if total else ''
    sys.stderr.write(f'\r{printable(name)} {bar} {done}{share}')
    if done == total:
        sys.stderr.write('\n')
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='centergroup', description=__doc__)
    parser.add_argument('--version', action='version', version=__version__)
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    add_predict(commands).set_defaults(work=predict)
    add_demo(commands).set_defaults(work=demo)
    add_info(commands).set_defaults(work=info)
    add_serve(commands).set_defaults(work=serve)
    return parser
