# SPDX-License-Identifier: Apache-2.0
"""Poses of very many images: a share of them at a time, each file once.

A shard has a line of JSON for each of its files, bad ones too. While it is being made
its lines are in a journal, from which a later run goes on; the shard gets its name when
it is whole.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..files import write_together
from ..folder_lock import FolderLock
from ..runtime import PoseModel
from ..version import __version__
from .image_files import CHUNK, find_in_files
from .rows import as_line, as_parquet, read_lines

_SETTINGS, _JOURNAL = 'settings.json', 'journal.jsonl'


class Shard(NamedTuple):
    """One of several shares of the files.

    Attributes:
        number (int): From 1 on.
        count (int): Of all shards.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> 'Shard':
        """Read ``3/16``.

        Raises:
            ValueError: If it is something else.
        """
        parts = text.split('/')
        if len(parts) != 2 or not all(part.isdecimal() for part in parts):
            raise ValueError(f'{text!r} is no shard; expected 3/16, for example')
        shard = cls(*map(int, parts))
        if not 1 <= shard.number <= shard.count:
            raise ValueError(f'{text!r} is no shard: they are 1/16 to 16/16')
        return shard

    @property
    def name(self) -> str:
        """Of its files, without suffix."""
        return f'shard-{self.number:05d}-of-{self.count:05d}'

    def holds(self, name: str) -> bool:
        """Whether a file is of this shard.

        It depends on the file's name alone: files that are added move no other.
        """
        # A checksum would put names that are numbered into few shards.
        digest = hashlib.blake2b(os.fsencode(name), digest_size=8).digest()
        return int.from_bytes(digest, 'big') % self.count == self.number - 1


class Outcome(NamedTuple):
    """Of a shard.

    Attributes:
        lines (Path): The file of JSON lines.
        files (int): How many files have a line there.
        bad (int): How many of them with an error.
        resumed (int): How many were there before this run.
    """

    lines: Path
    files: int
    bad: int
    resumed: int


def list_files(sources: Sequence[Path], out: Path | None = None) -> dict[str, Path]:
    """Files that are to be looked at, each once, by the names that results have.

    Args:
        sources (Sequence[Path]): Folders, of which all files count, those below too,
            named by their path from there; and texts with a path on each line, from the
            folder of the text, named as they stand.
        out (Path, optional): Folder of results, which are no images of a later run: it
            is left out where it is below a source.

    Raises:
        FileNotFoundError: If a source does not exist.
        ValueError: If a source is no text, or two have files of one name.
    """
    found: dict[str, Path] = {}
    for source in sources:
        folder = source if source.is_dir() else source.parent
        own = {name: folder / name for name in _names(source, out)}
        for name in own.keys() & found.keys():
            if own[name] != found[name]:
                raise ValueError(
                    f'{own[name]} and {found[name]} would both be {name} in the '
                    'results. Give a folder above both, or separate --out.'
                )
        found.update(own)
    return found


def _names(source: Path, out: Path | None) -> Iterator[str]:
    if source.is_dir():
        root, left_out = source.resolve(), out and out.resolve()
        for place, folders, names in os.walk(source):
            here = root / Path(place).relative_to(source)
            folders[:] = sorted(name for name in folders if here / name != left_out)
            yield from (Path(place, n).relative_to(source).as_posix() for n in names)
        return
    if not source.is_file():
        raise FileNotFoundError(f'{source} does not exist.')
    try:
        text = source.read_text(encoding='utf-8')
    except UnicodeDecodeError:
        raise ValueError(
            f'{source} is no list of files. With --shard a source is a folder, or a '
            'text in UTF-8 with the path of an image on each line.'
        ) from None
    yield from filter(None, map(str.strip, text.splitlines()))


def predict_shard(
    model: PoseModel,
    files: Mapping[str, Path],
    shard: Shard,
    out: Path,
    score_thr: float | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Outcome:
    """Find the people of one shard's files and write ``out/NAME.jsonl``.

    Beside it ``NAME.json`` says by which model, and ``NAME.parquet`` holds the same
    table where pyarrow is installed; where it is not, no table of a former run stays
    that lacks new lines. What a former run has done is kept, and files are added to it
    that came since.

    Args:
        model (PoseModel): Finds the poses.
        files (Mapping[str, Path]): Of all shards, by name.
        shard (Shard): Which to make.
        out (Path): Folder of all shards; made where it is missing.
        score_thr (float, optional): People scoring less are left out.
        progress (Callable): Is told a name and how many files of how many are done.

    Raises:
        FolderInUse: If another process makes this shard.
        ValueError: If it was begun, or made, by another model or threshold.
        OSError: If it cannot be written.
    """
    own = {name: files[name] for name in sorted(files) if shard.holds(name)}
    work = out / f'{shard.name}.unfinished'
    work.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(work, 'which makes this shard')
    lock.acquire()
    try:
        settings = _settings(model, score_thr)
        rows = _former_rows(out, work, shard, settings)
        resumed = len(rows)
        left = [name for name in own if name not in rows]
        whole = out / f'{shard.name}.json'
        # A run that ended before it wrote the lines left what they lack in a journal.
        if left or (work / _JOURNAL).is_file() or not whole.is_file():
            for row in _add_rows(model, own, left, work, settings):
                rows[row['file_name']] = row
                progress(shard.name, len(rows), resumed + len(left))
            _write(out, shard, settings, [*rows.values()])
        shutil.rmtree(work, ignore_errors=True)
    finally:
        lock.release()
    bad = sum(row['error'] is not None for row in rows.values())
    return Outcome(whole.with_suffix('.jsonl'), len(rows), bad, resumed)


def _former_rows(out: Path, work: Path, shard: Shard, settings: dict) -> dict:
    """What runs before this one have done, by name."""
    rows = {}
    whole, begun = out / f'{shard.name}.json', work / _SETTINGS
    if whole.is_file():
        _check_same(whole, json.loads(whole.read_text())['settings'], settings)
        rows.update(read_lines(whole.with_suffix('.jsonl')))
    if begun.is_file():
        _check_same(begun, json.loads(begun.read_text()), settings)
        rows.update(read_lines(work / _JOURNAL))
    return rows


def _add_rows(
    model: PoseModel,
    own: Mapping[str, Path],
    left: Sequence[str],
    work: Path,
    settings: dict,
) -> Iterator[dict]:
    """Yield rows that stand in the journal."""
    # Before the first line: no journal is of settings that nobody knows.
    write_together({work / _SETTINGS: json.dumps(settings).encode()})
    with open(work / _JOURNAL, 'ab') as file:
        for start in range(0, len(left), CHUNK):
            names = left[start : start + CHUNK]
            found = find_in_files(
                model, [own[name] for name in names], settings['score_thr']
            )
            new = [image.as_row(name) for name, image in zip(names, found, strict=True)]
            file.write(b''.join(map(as_line, new)))
            file.flush()
            os.fsync(file.fileno())
            yield from new


def _write(out: Path, shard: Shard, settings: dict, rows: Sequence[dict]) -> None:
    lines = out / f'{shard.name}.jsonl'
    contents = {lines: b''.join(map(as_line, rows))}
    table = lines.with_suffix('.parquet')
    try:
        contents[table] = as_parquet(rows)
    except ImportError:
        # Not installed, or of a version that does not go with the NumPy of the host.
        # A former run may have had it; its table would lack what is new.
        table.unlink(missing_ok=True)
    # Last, for it says that the others are whole.
    said = json.dumps(dict(settings=settings, files=len(rows)), indent=1)
    contents[lines.with_suffix('.json')] = said.encode()
    write_together(contents)


def _settings(model: PoseModel, score_thr: float | None) -> dict[str, Any]:
    """What must be the same for all lines of a shard."""
    digest = hashlib.sha256(model.path.read_bytes()).hexdigest()
    known = model.description
    return dict(
        model=model.path.name,
        sha256=digest,
        score_thr=known.score_thr if score_thr is None else score_thr,
        keypoint_names=known.keypoint_names,
        version=__version__,
    )


def _check_same(path: Path, before: dict, now: dict) -> None:
    other = [name for name in now if before.get(name) != now[name]]
    if other:
        name = other[0]
        raise ValueError(
            f'{path} is of {name} {before.get(name)}, not {now[name]}: a shard has one '
            'model and threshold. Remove it or choose another --out.'
        )
