# SPDX-License-Identifier: Apache-2.0
"""Prune a trained checkpoint for inference and stamp its hash into the name."""

import argparse
import sys

from command_line import run_tool

from centergroup_mm.conversion import publish_checkpoint


def main() -> None:
    """Publish by the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='checkpoint of a training or a conversion')
    parser.add_argument(
        'target', help='NAME.pth; the file becomes NAME-HASH_DATE.pth beside it'
    )
    parser.add_argument(
        '--format',
        choices=('torch', 'safetensors'),
        default='torch',
        help='of the file (default: torch); safetensors holds no program by design',
    )
    args = parser.parse_args()

    def work() -> None:
        published = publish_checkpoint(args.source, args.target, args.format)
        print(f'{published} ({published.stat().st_size / 2**20:.1f} MiB)')

    sys.exit(run_tool('publish_model', work))


if __name__ == '__main__':
    main()
