# SPDX-License-Identifier: Apache-2.0
"""Compare CenterGroup and CenterGroup+ with associative embedding and CenterNet.

All start where CenterGroup starts in the paper, from one detector, a HigherHRNet with
centers trained with associative embedding, and go on with the same data, seed,
schedule and number of iterations; associative embedding too, so that the total is the
same. Each is tested on held-out crowds of rising crowding: with its own heatmaps; with
true centers, so that every person has one; and with all heatmaps true, which leaves
only the grouping.

Every training and every test leaves its result in the work folder, and what is already
there is not done again: a comparison that was stopped goes on where it stood.

Exit codes: 0 done; 1 a step failed; 2 wrong arguments; 130 or 143 interrupted.
"""

import argparse
import sys
from pathlib import Path


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seeds', type=int, default=3, help='default: %(default)s')
    parser.add_argument(
        '--iterations',
        type=int,
        help="of the detector, and again of each method; default: the config's",
    )
    parser.add_argument(
        '--images',
        type=int,
        default=250,
        help='held-out images of each crowding; default: %(default)s',
    )
    parser.add_argument(
        '--quick', action='store_true', help='one seed: one to four hours on two cores'
    )
    parser.add_argument(
        '--data-root',
        type=Path,
        default=Path('data', 'crowd'),
        help='training crowd, drawn if it is not there; default: %(default)s',
    )
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs', 'compare_grouping')
    )
    args = parser.parse_args(argv)
    if args.quick:
        args.seeds = 1
    for name in ('seeds', 'iterations', 'images'):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f'--{name} is {value}, not at least 1')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)

    from centergroup_mm.lab.command_line import run_tool
    from centergroup_mm.lab.comparison import Comparison

    def work() -> None:
        Comparison(
            args.work_dir, args.data_root, args.seeds, args.images, args.iterations
        ).run()

    return run_tool('compare_grouping', work, 'interrupted; the next run goes on')


if __name__ == '__main__':
    sys.exit(main())
