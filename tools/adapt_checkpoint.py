# SPDX-License-Identifier: Apache-2.0
"""Start a model from one of other keypoint types: take what fits, list the rest.

Weights that belong to a keypoint type (a row of the heatmaps, a head of the grouping)
are taken by its name, all others where they have the same shape. What is new has its
initial values. TARGET is a whole model of the config, for `load_from`:

    mim train mmpose CONFIG --cfg-options load_from=TARGET

Exit codes: 0 done; 1 the checkpoint, the config or the target does not do; 2 wrong
arguments.
"""

import argparse
import logging
import sys


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', help='checkpoint of a training: model or detector')
    parser.add_argument('config', help='the config that is to be trained')
    parser.add_argument('target', help='checkpoint to write')
    parser.add_argument(
        '--same',
        nargs='+',
        default=[],
        metavar='TYPE=OTHER',
        help='keypoint types of the config that the checkpoint has by another name, '
        'for example head=nose',
    )
    args = parser.parse_args(argv)
    for pair in args.same:
        if '=' not in pair:
            parser.error(f'--same: {pair!r} is not of the form TYPE=OTHER')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)

    from mmengine.config import Config
    from mmengine.logging import MMLogger

    from centergroup_mm.conversion.adapt import adapt_checkpoint
    from centergroup_mm.lab.command_line import run_tool

    def work() -> None:
        # The host would list how every single weight was initialized.
        MMLogger.get_current_instance().setLevel(logging.WARNING)
        same = dict(pair.split('=', 1) for pair in args.same)
        config = Config.fromfile(args.config)
        print(adapt_checkpoint(args.source, config, args.target, same).describe())
        print(f'{args.target} is written, for load_from.')

    return run_tool('adapt_checkpoint', work)


if __name__ == '__main__':
    sys.exit(main())
