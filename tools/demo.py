# SPDX-License-Identifier: Apache-2.0
"""See CenterGroup learn to group people: crowd, training, AP, pictures, a report.

Every step leaves its result on disk, and what is already there is not done again: a
run that was stopped is taken up where it stood, a finished training is kept.

Exit codes: 0 done; 1 a step failed; 2 wrong arguments; 130 or 143 interrupted.
"""

import argparse
import sys
from pathlib import Path


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--data-root', type=Path, help='the synthetic crowd; default: data/crowd'
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        help='checkpoints, logs, pictures; default: work_dirs/centergroup_tiny',
    )
    parser.add_argument(
        '--retrain',
        action='store_true',
        help='replace the training that is there, and a crowd of other settings',
    )
    parser.add_argument(
        '--quick',
        action='store_true',
        help='a few images and iterations, only to see that everything runs; default '
        'folders: data/crowd_quick and work_dirs/demo_quick',
    )
    args = parser.parse_args(argv)
    crowd, run = 'crowd', 'centergroup_tiny'
    if args.quick:
        crowd, run = 'crowd_quick', 'demo_quick'
    args.data_root = args.data_root or Path('data', crowd)
    args.work_dir = args.work_dir or Path('work_dirs', run)
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)

    from centergroup_mm.lab.command_line import run_tool
    from centergroup_mm.lab.demo import Demo

    def work() -> None:
        Demo(args.data_root, args.work_dir, args.retrain, args.quick).run()

    advice = 'interrupted; the next run goes on from here'
    return run_tool('demo', work, advice)


if __name__ == '__main__':
    sys.exit(main())
