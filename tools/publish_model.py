# SPDX-License-Identifier: Apache-2.0
"""Prune a trained checkpoint for inference and stamp its hash into the name."""

import argparse
import sys

import centergroup_mm  # noqa: F401  (lets checkpoints of a training load safely)
from centergroup_mm.conversion import CheckpointFileError, publish_checkpoint


def main() -> None:
    """Publish by the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='checkpoint of a training or a conversion')
    parser.add_argument(
        'target', help='NAME.pth; the file becomes NAME-HASH_DATE.pth beside it'
    )
    args = parser.parse_args()
    try:
        published = publish_checkpoint(args.source, args.target)
    except (CheckpointFileError, OSError) as error:
        sys.exit(f'error: {error}')
    print(f'{published} ({published.stat().st_size / 2**20:.1f} MiB)')


if __name__ == '__main__':
    main()
