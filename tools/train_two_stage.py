# SPDX-License-Identifier: Apache-2.0
"""Train a detector, then a CenterGroup that starts from it: the paper's two stages.

Both stages are `mim train` commands, shown as they run, each in a folder of its own
below the work folder. A stage that was stopped is taken up where it stood, a finished
one is kept. Without configs, the two tiny ones run on the synthetic crowd, which
tools/make_crowd.py or the demo must have drawn.

Exit codes: 0 done; 1 a stage failed; 2 wrong arguments; 130 or 143 interrupted.
"""

import argparse
import signal
import sys
from pathlib import Path

from mim_command import CommandFailed
from mmengine.config import DictAction
from options import key_value
from training import train_once

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
ADVICE = 'Remove it, or choose another --work-dir.'


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
        type=key_value,
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='changes of both configs',
    )
    args = parser.parse_args(argv)
    for config in (args.detector, args.centergroup):
        if not config.is_file():
            parser.error(f'{config} is no config file')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    # A polite kill unwinds as Ctrl-C does, so that nothing goes on in the background.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        detector = train_once(
            args.detector, args.work_dir / 'detector', args.cfg_options, ADVICE
        )
        options = {**args.cfg_options, 'load_from': str(detector)}
        done = train_once(
            args.centergroup, args.work_dir / 'centergroup', options, ADVICE
        )
    except CommandFailed as error:
        print(f'train_two_stage: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('train_two_stage: interrupted; the next run goes on', file=sys.stderr)
        return 130
    print(f'detector {detector}\nCenterGroup {done}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
