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

from command_line import key_value, run_tool
from mmengine.config import Config
from mmengine.logging import MMLogger

import centergroup_mm  # noqa: F401  (registers the models)
from centergroup_mm.conversion.adapt import Adaptation, adapt_checkpoint


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
        type=key_value,
        default=[],
        metavar='TYPE=OTHER',
        help='keypoint types of the config that the checkpoint has by another name, '
        'for example head=nose',
    )
    return parser.parse_args(argv)


def describe(adapted: Adaptation) -> str:
    """What was taken, in a table, and the rest in lists."""
    parts = dict.fromkeys('.'.join(key.split('.')[:2]) for key in adapted.weights)
    parts = dict.fromkeys(
        'backbone' if part.startswith('backbone') else part for part in parts
    )
    lines = [f'{"weights of":24}{"whole":>8}{"by type":>9}{"new":>6}']
    for part in parts:
        counts = (
            sum(key.startswith(f'{part}.') for key in keys)
            for keys in (adapted.whole, adapted.by_type, adapted.new)
        )
        lines.append('{:24}{:8}{:9}{:6}'.format(part, *counts))
    for title, names in (
        ('types taken', adapted.types),
        ('new types', adapted.new_types),
        ('types left behind', adapted.unused_types),
        ('by type', adapted.by_type),
        ('new', [f'{key}: {why}' for key, why in adapted.new.items()]),
        ('weights left behind', adapted.unused),
    ):
        if names:
            separator = ', ' if 'types' in title else '\n  '
            lines.append(f'{title} ({len(names)}):\n  {separator.join(names)}')
    if adapted.is_complete:
        lines.append('Nothing is new: the model predicts without further training.')
    else:
        lines.append('The model must be trained before it predicts.')
    return '\n'.join(lines)


def adapt(args: argparse.Namespace) -> None:
    """Write the start and say what is in it."""
    # The host would list how every single weight was initialised.
    MMLogger.get_current_instance().setLevel(logging.WARNING)
    same = dict(pair.split('=', 1) for pair in args.same)
    config = Config.fromfile(args.config)
    print(describe(adapt_checkpoint(args.source, config, args.target, same)))
    print(f'{args.target} is written, for load_from.')


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    return run_tool('adapt_checkpoint', lambda: adapt(args))


if __name__ == '__main__':
    sys.exit(main())
