#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Break every value that the sources state about the configs, and expect red.

In a copy of the configs each number, switch and known name is changed, one at a time.
All configs that inherit from the changed file are read again and compared with the
table, as tests/test_configs/test_content.py does. A value that no config writes down,
because a class has it as a default, is set to another one instead. A row of the table
that stays green through all of this would not notice a mistake: it is listed, and the
exit code is 1. No part of the test suite, for it takes minutes.
"""

import argparse
import ast
import copy
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mmpose
from mmengine.config import Config
from mmengine.logging import MMLogger
from test_configs.checks import checks_of
from test_configs.reading import CONFIG_FOLDER, Built
from test_configs.sources import ALL, VALUES

HOST_CONFIGS = Path(mmpose.__file__).parent / '.mim' / 'configs'
# Names that a config could hold instead.
OTHER_NAMES = {
    'Adam': 'AdamW',
    'AmpOptimWrapper': 'OptimWrapper',
    'OptimWrapper': 'AmpOptimWrapper',
    'CenterGroupCocoDataset': 'CenterGroupCrowdPoseDataset',
    'CenterGroupCrowdPoseDataset': 'CenterGroupCocoDataset',
    'HungarianCenterAssigner': 'GreedyCenterAssigner',
    'GreedyCenterAssigner': 'HungarianCenterAssigner',
    'annotations/mmpose_crowdpose_test.json': 'annotations/other.json',
    'annotations/person_keypoints_val2017.json': 'annotations/other.json',
    'bbox': 'keypoint',
    'expand': 'fit',
    'none': 'oks_nms',
}


class Literal(NamedTuple):
    """A value in the text of a config; its place as in :mod:`ast`."""

    file: Path
    line: int
    start: int
    end: int
    value: Any

    def __str__(self) -> str:
        return f'{self.file.name}:{self.line}: {self.value!r} -> {broken(self.value)!r}'

    def write_broken(self, text: str) -> None:
        lines = text.splitlines(keepends=True)
        line = lines[self.line - 1]
        lines[self.line - 1] = (
            line[: self.start] + repr(broken(self.value)) + line[self.end :]
        )
        self.file.write_text(''.join(lines))


def broken(value: Any) -> Any:
    """Another value of the same kind."""
    if value is None:
        return 0.75
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return OTHER_NAMES[value]
    if isinstance(value, tuple):
        return tuple(broken(entry) for entry in value)
    return 2 * value or 1


def find_literals(file: Path) -> Iterator[Literal]:
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Constant):
            continue
        if not isinstance(node.value, str) or node.value in OTHER_NAMES:
            place = node.lineno, node.col_offset, node.end_col_offset
            yield Literal(file, *place, node.value)


def copy_configs(target: Path) -> None:
    """Copy what is changed, and the one config of the host that it begins with."""
    shutil.copytree(CONFIG_FOLDER, target)
    runtime = target / '_base_' / 'runtime.py'
    shutil.copy(HOST_CONFIGS / '_base_' / 'default_runtime.py', target / 'host.py')
    text = runtime.read_text()
    # Looking for the host's configs takes longer than reading ours.
    runtime.write_text(text.replace('mmpose::_base_/default_runtime', '../host'))


def bases_of(file: Path) -> set[Path]:
    """A config and all that it inherits from."""
    found = {file}
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '_base_':
            for base in ast.literal_eval(node.value):
                found |= bases_of((file.parent / base).resolve())
    return found


def find_red(name: str, config: Config) -> set[str]:
    """Checks of a config that are red; raises what the building of it raises."""
    built, red = Built(config), set()
    _ = built.model, built.train, built.test
    for label, check in checks_of(name).items():
        try:
            if check(built):
                red.add(label)
        except (AttributeError, LookupError):
            # There is no such part.
            red.add(label)
    return red


class Memory:
    """What the host's reader made of each file, while that stands.

    A changed value concerns one file and those that inherit from it; reading all others
    again would take most of the time.
    """

    def __init__(self) -> None:
        self._read = Config._file2dict
        self._kept: dict[Path, tuple] = {}

    def __enter__(self) -> 'Memory':
        Config._file2dict = self._read_once
        return self

    def __exit__(self, *_) -> None:
        Config._file2dict = staticmethod(self._read)

    def forget(self, files: set[Path]) -> None:
        for file in files:
            self._kept.pop(file, None)

    def _read_once(self, filename: str, *args, **kwargs) -> tuple:
        file = Path(filename).resolve()
        if file not in self._kept:
            self._kept[file] = self._read(filename, *args, **kwargs)
        return copy.deepcopy(self._kept[file])


class Mutation:
    """The rows that are still to turn red, by name of the config.

    Args:
        folder (Path): A copy of the configs.
        memory (Memory): Of the files in there.
        only (str): Expression that ``config: row`` holds.
    """

    def __init__(self, folder: Path, memory: Memory, only: str) -> None:
        self.folder, self.memory = folder, memory
        self.originals = {name: Built.read(name, folder).config for name in ALL}
        self.files = {name: bases_of(folder / f'{name}.py') for name in ALL}
        self.left = {
            (name, row)
            for name in ALL
            for row in checks_of(name)
            if re.search(only, f'{name}: {row}')
        }
        self.count = len(self.left)
        self.count_all = sum(len(checks_of(name)) for name in ALL)

    def check_originals(self) -> list[str]:
        """What is wrong before anything is broken."""
        return [
            f'{name}: {row}'
            for name, config in self.originals.items()
            for row in find_red(name, config)
        ]

    def break_literals(self) -> dict[str, list[Literal]]:
        """Break all literals in turn; which turned a row red, and which did not."""
        names = {name for name, _ in self.left}
        files = set().union(*(self.files[name] for name in names))
        outcomes: dict[str, list[Literal]] = {'red': [], 'refused': [], 'green': []}
        folder_files = set(self.folder.rglob('*.py'))
        for file in sorted(files - {self.folder / 'host.py'}):
            text = file.read_text()
            literals = sorted(find_literals(file))
            heirs = sorted(name for name in names if file in self.files[name])
            stale = {f for f in folder_files if file in bases_of(f)}
            for index, literal in enumerate(literals, 1):
                show(
                    f'{file.name}: {index}/{len(literals)}, {len(self.left)} rows left'
                )
                if not self.left and self.count < self.count_all:
                    return outcomes
                literal.write_broken(text)
                self.memory.forget(stale)
                outcomes[self._try(heirs)].append(literal)
                file.write_text(text)
            self.memory.forget(stale)
        return outcomes

    def _try(self, names: list[str]) -> str:
        """Read configs of which something is broken: red, green, or refused."""
        outcome = 'green'
        for name in names:
            try:
                config = Built.read(name, self.folder).config
                if config.to_dict() == self.originals[name].to_dict():
                    continue
                red = find_red(name, config)
            except Exception:
                # Whatever is raised where a config is read or built ends a test.
                outcome = 'refused' if outcome == 'green' else outcome
                continue
            if red:
                outcome = 'red'
                self.left -= {(name, row) for row in red}
        return outcome

    def break_alone(self) -> int:
        """Change the values of rows that are left, each by itself in one config.

        They are defaults of classes, which no file holds, or such that whoever changes
        them cannot build the model, which is red enough.

        Returns:
            int: How many rows turned red.
        """
        before = len(self.left)
        for name, path in sorted(self.left):
            show(f'{name}: {path}')
            rows = [row for row in VALUES if name in row.configs and row.path == path]
            config = copy.deepcopy(self.originals[name])
            if not any(set_value(config, path, broken(row.value)) for row in rows):
                continue
            try:
                red = find_red(name, config)
            except Exception:
                red = {path}
            self.left -= {(name, path)} & {(name, label) for label in red}
        return before - len(self.left)


def set_value(config: Config, path: str, value: Any) -> bool:
    """Set an argument of what a path of :class:`Built` leads to, if it is written."""
    root, *steps, last = path.split('.')
    parent = config if root == 'config' else config.get(root)
    if root in ('train', 'test'):
        pipeline = config[f'{root}_dataloader'].dataset.pipeline
        parent = {step.type: step for step in pipeline}
    for step in steps:
        parent = parent.get(step) if hasattr(parent, 'get') else None
    if parent is None:
        return False
    parent[last] = value
    return True


def show(text: str) -> None:
    if sys.stderr.isatty():
        print(f'\r\033[K{text}', end='', file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--only',
        metavar='PATTERN',
        default='',
        help='expression: only rows whose "config: path" holds it',
    )
    parser.add_argument(
        '--green',
        action='store_true',
        help='list the values that no row holds, as no source states them',
    )
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    MMLogger.get_instance('mmengine', log_level='ERROR')
    with tempfile.TemporaryDirectory() as folder, Memory() as memory:
        copy_configs(Path(folder) / 'configs')
        mutation = Mutation((Path(folder) / 'configs').resolve(), memory, args.only)
        if not mutation.left:
            parser.error(f'no row matches --only {args.only}')
        wrong = mutation.check_originals()
        if wrong:
            print('Red before anything is broken:', *wrong, sep='\n  ')
            return 1
        outcomes = mutation.break_literals()
        alone = mutation.break_alone()
    show('')
    counts = ', '.join(f'{len(found)} {name}' for name, found in outcomes.items())
    print(f'{sum(map(len, outcomes.values()))} values broken: {counts}.')
    print(
        f'{mutation.count - len(mutation.left)} of {mutation.count} rows turned red, '
        f'{alone} of them by a value set in that config alone.'
    )
    if args.green:
        print('Held by no row:', *outcomes['green'], sep='\n  ')
    if mutation.left:
        survivors = sorted(f'{name}: {row}' for name, row in mutation.left)
        print('Survived:', *survivors, sep='\n  ')
    return bool(mutation.left)


if __name__ == '__main__':
    sys.exit(main())
