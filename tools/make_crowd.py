# SPDX-License-Identifier: Apache-2.0
"""Draw a synthetic crowd and write it as a COCO-format dataset.

Exit codes: 0 written, or this very crowd already stood; 1 the folder is taken or
could not be written; 2 wrong arguments; 130 or 143 interrupted (nothing is left).
"""

import argparse
import os
import sys

from command_line import run_tool
from rich.progress import track

from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd


def make_parser() -> argparse.ArgumentParser:
    default = CrowdSpec()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', help='folder to make')
    parser.add_argument('--num-train', type=int, default=default.num_train)
    parser.add_argument('--num-val', type=int, default=default.num_val)
    parser.add_argument(
        '--size', type=int, default=default.size, help='side of the images, px'
    )
    parser.add_argument('--seed', type=int, default=default.seed)
    parser.add_argument(
        '--crowding',
        type=float,
        default=default.crowding,
        help='0 (people keep apart) to 1 (everyone stands close to somebody); '
        'default %(default)s',
    )
    parser.add_argument(
        '--keypoints',
        default=default.keypoints,
        help='coco (17 types) or crowdpose (14); default %(default)s',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=os.cpu_count() or 1,
        help='processes; the crowd does not depend on it; default: all cores',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace a crowd of other parameters'
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.workers < 1:
        parser.error(f'workers is {args.workers}, not at least 1')
    try:
        spec = CrowdSpec(
            args.num_train,
            args.num_val,
            args.size,
            args.seed,
            args.crowding,
            args.keypoints,
        )
    except ValueError as error:
        parser.error(str(error))
    return run_tool(
        'make_crowd', lambda: draw(args, spec), 'interrupted, nothing was kept'
    )


def draw(args: argparse.Namespace, spec: CrowdSpec) -> None:
    """Draw the crowd, unless it is there."""
    written = generate_crowd(
        args.out, spec, args.workers, args.overwrite, _progress_bar
    )
    if written:
        print(
            f'{args.out}: {spec.num_train} training and {spec.num_val} held-out images'
        )
    else:
        print(f'{args.out} already holds this crowd, nothing to do')


def _progress_bar(items, total):
    return track(items, 'Drawing the crowd', total=total)


if __name__ == '__main__':
    sys.exit(main())
