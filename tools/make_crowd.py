# SPDX-License-Identifier: Apache-2.0
"""Draw a synthetic crowd and write it as a COCO-format dataset.

Exit codes: 0 written, or this very crowd already stood; 1 the folder is taken or
could not be written; 2 wrong arguments; 130 or 143 interrupted (nothing is left).
"""

import argparse
import os
import sys

# What is not given is as the crowd's own settings say.
SETTINGS = ('num_train', 'num_val', 'size', 'seed', 'crowding', 'keypoints')


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', help='folder to make')
    parser.add_argument('--num-train', type=int, help='images; default 3000')
    parser.add_argument('--num-val', type=int, help='held-out images; default 250')
    parser.add_argument('--size', type=int, help='side of the images, px; default 256')
    parser.add_argument('--seed', type=int, help='default 0')
    parser.add_argument(
        '--crowding',
        type=float,
        help='0 (people keep apart) to 1 (everyone stands close to somebody); '
        'default 0.5',
    )
    parser.add_argument(
        '--keypoints', help='coco (17 types) or crowdpose (14); default coco'
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

    from centergroup_mm.lab.command_line import progress_bar, run_tool
    from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd

    given = {name: getattr(args, name) for name in SETTINGS}
    try:
        spec = CrowdSpec(**{k: v for k, v in given.items() if v is not None})
    except ValueError as error:
        parser.error(str(error))

    def work() -> None:
        bar = progress_bar('Drawing the crowd')
        if generate_crowd(args.out, spec, args.workers, args.overwrite, bar):
            counts = f'{spec.num_train} training and {spec.num_val} held-out images'
            print(f'{args.out}: {counts}')
        else:
            print(f'{args.out} already holds this crowd, nothing to do')

    return run_tool('make_crowd', work, 'interrupted, nothing was kept')


if __name__ == '__main__':
    sys.exit(main())
