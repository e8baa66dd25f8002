# SPDX-License-Identifier: Apache-2.0
"""Print the options that fit a config's schedule to other GPUs.

As many images are seen as by the config's own schedule: iterations, milestones and
warm-up follow the batch. Where the batch of a step, GPUs x images x accumulated,
differs by more than a twentieth, the rate follows it too; that of a pretrained detector
stays, as in the paper's recipe.

Exit codes: 0 done; 1 failed; 2 wrong arguments.
"""

import argparse
import sys
from pathlib import Path


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', type=Path, help='a config file')
    parser.add_argument('--gpus', type=positive, required=True, help='on all machines')
    parser.add_argument(
        '--images-per-gpu', type=positive, required=True, help='in an iteration'
    )
    parser.add_argument(
        '--accumulate',
        type=positive,
        default=1,
        help='iterations to a step; default: 1',
    )
    return parser.parse_args(argv)


def positive(text: str) -> int:
    """A number from 1 on (``type`` of argparse)."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no number from 1 on')
    return int(text)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)

    from centergroup_mm.lab.command_line import run_tool
    from centergroup_mm.lab.schedule import print_schedule

    return run_tool(
        'schedule',
        lambda: print_schedule(
            args.config, args.gpus, args.images_per_gpu, args.accumulate
        ),
    )


if __name__ == '__main__':
    sys.exit(main())
