# SPDX-License-Identifier: Apache-2.0
"""Measure where bottom-up models spend time and memory, part by part.

People are placed into the heatmaps of every model, so that grouping has its load
whatever the weights. Models whose decoder takes no such maps are measured up to the end
of their network and marked "network only". Runs of all models take turns.

    python tools/benchmark.py configs/centergroup_w32.py configs/higherhrnet_w32.py
    python tools/benchmark.py \\
        mmpose::body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py

Exit codes: 0 done; 1 a model could not be built or run; 2 wrong arguments; 130 or 143
interrupted.
"""

import argparse
import re
import sys
from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
DEFAULT = ('centergroup_w32.py', 'higherhrnet_w32.py', 'centernet_w32.py')
QUICK = ('centergroup_tiny.py', 'higherhrnet_tiny.py', 'centernet_tiny.py')
MEASURES = ('time', 'memory', 'training', 'loading')
DTYPES = ('float32', 'bfloat16', 'float16')
FORMATS = ('contiguous', 'channels_last')


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('configs', nargs='*', help='configs, or mmpose::...; default: three of W32')
    add('--device', default='cpu', help='cpu, cuda or cuda:N; default: %(default)s')
    add('--dtype', default='float32', choices=DTYPES, help='others under autocast')
    add('--batch', type=int, default=1, help='images at once; default: %(default)s')
    add('--size', type=_size, default=None, help='WxH of the input; default: 768x512')
    add('--train-side', type=int, default=None, help='of training crops; default: 512')
    add('--people', type=int, nargs='+', default=None, help='default: 1 5 10 20 30')
    add('--runs', type=int, default=None, help='behind the network; default: 30')
    add('--network-runs', type=int, default=None, help='whole models; default: 5')
    add('--warm-up', type=int, default=2, help='runs before; default: %(default)s')
    add('--memory-format', nargs='+', choices=FORMATS, default=['contiguous'])
    add('--no-flip', action='store_true', help='one view instead of two')
    add('--compile', action='store_true', help='compile the grouping')
    add('--dense', action='store_true', help='beside it CenterGroup with a dense CNN')
    add('--image', help='photograph to look at; default: a drawn crowd')
    add('--measure', nargs='+', choices=MEASURES, help='default: time memory')
    add(
        '--cfg-options',
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE',
        help='config values of all models',
    )
    add('--json', type=Path, metavar='FILE', help='write the result there')
    add('--plot', type=Path, metavar='FILE', help='draw the times against people')
    add('--quick', action='store_true', help='tiny models, few runs: within a minute')
    return parser


def _fill_in(args: argparse.Namespace) -> None:
    """Defaults, which --quick lowers."""
    values = dict(
        configs=[str(CONFIGS / name) for name in (QUICK if args.quick else DEFAULT)],
        size=(192, 192) if args.quick else (768, 512),
        train_side=192 if args.quick else 512,
        people=[1, 30] if args.quick else [1, 5, 10, 20, 30],
        runs=5 if args.quick else 30,
        network_runs=3 if args.quick else 5,
        measure=list(MEASURES) if args.quick else ['time', 'memory'],
    )
    for name, value in values.items():
        if not getattr(args, name):
            setattr(args, name, value)


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    least = dict(batch=1, runs=1, network_runs=1, train_side=1, warm_up=0)
    for name, bound in least.items():
        if (value := getattr(args, name)) < bound:
            parser.error(f'--{name.replace("_", "-")} is {value}, not at least {bound}')
    if (fewest := min(args.people)) < 1:
        parser.error(f'--people has {fewest}: nothing is timed without people')
    for name, sides in (('size', args.size), ('train-side', [args.train_side])):
        if any(side < 64 or side % 32 for side in sides):
            parser.error(f'--{name} must be multiples of 32 from 64 on, not {sides}')
    if args.image and not Path(args.image).is_file():
        parser.error(f'--image {args.image} is no file')
    for config in args.configs:
        if '::' not in config and not Path(config).is_file():
            parser.error(f'there is no config {config}')
    for option in args.cfg_options:
        if '=' not in option:
            parser.error(f'--cfg-options: {option!r} is not of the form key=value')
    if not re.fullmatch(r'cpu|cuda(:\d+)?', args.device):
        parser.error(f'--device {args.device} is not cpu, cuda or cuda:N')


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in text.lower().split('x'))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no size; expected WIDTHxHEIGHT, as 768x512'
        ) from None
    return width, height


def main(argv: list[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    _fill_in(args)
    _check(parser, args)

    from centergroup_mm.lab.benchmark import Plan, Settings, check_device, run_benchmark
    from centergroup_mm.lab.command_line import run_tool
    from centergroup_mm.lab.configs import read_options

    try:
        check_device(args.device)
    except ValueError as error:
        parser.error(str(error))
    settings = Settings(
        *(args.size, args.batch, args.device, args.dtype),
        flip=not args.no_flip,
        compile=args.compile,
        image=args.image,
    )
    plan = Plan(
        configs=args.configs,
        measure=args.measure,
        people=sorted(set(args.people)),
        runs=args.runs,
        network_runs=args.network_runs,
        warm_up=args.warm_up,
        train_side=args.train_side,
        memory_formats=args.memory_format,
        dense=args.dense,
        overrides=read_options(args.cfg_options),
    )
    return run_tool(
        'benchmark', lambda: run_benchmark(plan, settings, args.json, args.plot)
    )


if __name__ == '__main__':
    sys.exit(main())
