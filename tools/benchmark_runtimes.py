# SPDX-License-Identifier: Apache-2.0
"""Time an exported model in several runtimes, and in torch beside them.

Runs take turns in one process, on drawn crowds; ratios are taken within a round, to the
first of --runtimes. Use a quiet machine.

    python tools/export_onnx.py configs/centergroup_w32.py W32.pth --out w32.onnx
    python tools/benchmark_runtimes.py configs/centergroup_w32.py W32.pth w32.onnx

Exit codes: 0 done; 1 a model could not be read or run; 2 wrong arguments; 130 or 143
interrupted.
"""

import argparse
import sys
from pathlib import Path

RUNTIMES = ('eager', 'channels-last', 'compile', 'onnxruntime', 'int8', 'openvino')


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('config', type=Path, help='config of the model')
    add('checkpoint', type=Path, help='its weights')
    add('model', type=Path, help='the same, exported by tools/export_onnx.py')
    add(
        '--runtimes',
        nargs='+',
        choices=RUNTIMES,
        default=list(RUNTIMES),
        help='default: all; what is not installed is left out',
    )
    add('--size', type=_size, default=(768, 512), help='WxH; default: 768x512')
    add('--batch', type=int, nargs='+', default=[1, 2, 8], help='default: 1 2 8')
    add('--rounds', type=int, default=9, help='that count; default: %(default)s')
    add('--warm-up', type=int, default=2, help='rounds before; default: %(default)s')
    add('--threads', type=int, default=2, help='default: %(default)s')
    add(
        '--calibration',
        type=int,
        default=8,
        help='drawn images for the ranges of int8; default: %(default)s',
    )
    add(
        '--shares',
        type=int,
        default=5,
        help="runs of ONNX Runtime's profile, 0 for none; default: %(default)s",
    )
    add('--json', type=Path, metavar='FILE', help='write the result there')
    return parser


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in text.lower().split('x'))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no size; expected WIDTHxHEIGHT, as 768x512'
        ) from None
    if width < 64 or height < 64 or width % 64 or height % 64:
        raise argparse.ArgumentTypeError(
            f'{text!r}: expected multiples of 64 from 64 on'
        )
    return width, height


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    least = dict(rounds=1, warm_up=0, threads=1, calibration=1, shares=0)
    for name, bound in least.items():
        if (value := getattr(args, name)) < bound:
            parser.error(f'--{name.replace("_", "-")} is {value}, not at least {bound}')
    if min(args.batch) < 1:
        parser.error(f'--batch has {min(args.batch)}, not at least 1')


def main(argv: list[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    _check(parser, args)

    from centergroup_mm.lab.command_line import progress_bar, run_tool

    def work() -> None:
        import json

        from centergroup_mm.files import write_atomically
        from centergroup_mm.lab.runtimes import Plan, compare_runtimes, to_markdown

        plan = Plan(
            *(args.config, args.checkpoint, args.model),
            kinds=list(dict.fromkeys(args.runtimes)),
            size=args.size,
            batches=args.batch,
            rounds=args.rounds,
            warm_up=args.warm_up,
            threads=args.threads,
            calibration=args.calibration,
            shares=args.shares,
        )
        result = compare_runtimes(plan, progress_bar('Rounds'))
        print(to_markdown(result), end='')
        if args.json:
            text = json.dumps(result, indent=1) + '\n'
            write_atomically(args.json, text.encode())

    return run_tool('benchmark_runtimes', work)


if __name__ == '__main__':
    sys.exit(main())
