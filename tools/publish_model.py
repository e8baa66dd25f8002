# SPDX-License-Identifier: Apache-2.0
"""Prune a trained checkpoint for inference and stamp its hash into the name."""

import argparse
import sys


def main(argv: list[str] | None = None) -> int:
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
    args = parser.parse_args(argv)

    from centergroup_mm.conversion import publish_checkpoint
    from centergroup_mm.lab.command_line import run_tool

    def work() -> None:
        published = publish_checkpoint(args.source, args.target, args.format)
        print(f'{published} ({published.stat().st_size / 2**20:.1f} MiB)')

    return run_tool('publish_model', work)


if __name__ == '__main__':
    sys.exit(main())
