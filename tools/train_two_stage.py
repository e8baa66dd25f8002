# SPDX-License-Identifier: Apache-2.0
"""Train a detector, then a CenterGroup that starts from it: the paper's two stages.

Both stages are `mim train` commands, shown as they run, each in a folder of its own
below the work folder. A stage that was stopped is taken up where it stood, a finished
one is kept. Without configs, the two tiny ones run on the synthetic crowd, which
tools/make_crowd.py or the demo must have drawn.

Exit codes: 0 done; 1 a stage failed; 2 wrong arguments; 130 or 143 interrupted.
"""

import argparse
import sys
from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'detector',
        nargs='?',
        type=Path,
        default=CONFIGS / 'higherhrnet_tiny_center.py',
        help='config of a HigherHRNet with centers; default: %(default)s',
    )
    parser.add_argument(
        'centergroup',
        nargs='?',
        type=Path,
        default=CONFIGS / 'centergroup_tiny_stage2.py',
        help='config of a CenterGroup on that detector; default: %(default)s',
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs', 'two_stage'))
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE',
        help='changes of both configs',
    )
    args = parser.parse_args(argv)
    for config in (args.detector, args.centergroup):
        if not config.is_file():
            parser.error(f'{config} is no config file')
    for option in args.cfg_options:
        if '=' not in option:
            parser.error(f'--cfg-options: {option!r} is not of the form key=value')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)

    from centergroup_mm.lab.command_line import run_tool
    from centergroup_mm.lab.configs import read_options
    from centergroup_mm.lab.training import train_two_stages

    options = read_options(args.cfg_options)
    return run_tool(
        'train_two_stage',
        lambda: train_two_stages(
            args.detector, args.centergroup, args.work_dir, options
        ),
        'interrupted; the next run goes on',
    )


if __name__ == '__main__':
    sys.exit(main())
