# SPDX-License-Identifier: Apache-2.0
"""Poses of very many images on Ray Data: pip install "centergroup_mm[ray]"

  python examples/ray_predict.py model.onnx images/ --out poses --workers 8

OUT receives Parquet files with one row for each file, bad ones with their error; the
columns are those of `centergroup predict --shard`. A worker that dies is replaced and
its images are done again; the rows of each are written once. Sources are folders and
texts with a path on each line, and every node must see the files.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow
import ray

from centergroup_mm.command.image_files import find_in_files
from centergroup_mm.command.rows import table_of_rows
from centergroup_mm.command.shards import list_files
from centergroup_mm.runtime import PoseModel


class Finder:
    """A worker: it has read the model once."""

    def __init__(self, model: str, threads: int, score_thr: float | None) -> None:
        self.model = PoseModel(model, threads=threads)
        self.score_thr = score_thr

    def __call__(self, batch: dict[str, np.ndarray]) -> pyarrow.Table:
        paths = [Path(path) for path in batch['path']]
        found = find_in_files(self.model, paths, self.score_thr)
        rows = [
            file.as_row(str(name))
            for name, file in zip(batch['name'], found, strict=True)
        ]
        return table_of_rows(rows)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model', type=Path, help='exported model, NAME.onnx')
    parser.add_argument('sources', nargs='+', type=Path, help='folders and lists')
    parser.add_argument('--out', type=Path, required=True, help='an empty folder')
    parser.add_argument('--workers', type=int, default=2, help='default: %(default)s')
    parser.add_argument(
        '--threads', type=int, default=1, help='of a worker; default: %(default)s'
    )
    parser.add_argument('--score-thr', type=float, help='leave out people scoring less')
    args = parser.parse_args(arguments)
    if args.out.exists() and any(args.out.iterdir()):
        # Ray would add its files, and every image would be there twice.
        parser.error(f'--out {args.out} is not empty')
    files = list_files(args.sources)
    items = [dict(name=n, path=str(path.absolute())) for n, path in files.items()]
    dataset = ray.data.from_items(items).map_batches(
        Finder,
        fn_constructor_args=(str(args.model.absolute()), args.threads, args.score_thr),
        batch_size=16,
        compute=ray.data.ActorPoolStrategy(size=args.workers),
        num_cpus=args.threads,
    )
    dataset.write_parquet(str(args.out.absolute()))
    print(f'{len(items)} files: {args.out}')


if __name__ == '__main__':
    main()
