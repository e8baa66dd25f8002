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
    """A value in the text of a config; its place as of :mod:`ast`."""

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
    if isinstance(value, tuple | list):
        return type(value)(broken(entry) for entry in value)
    return 2 * value + 1


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
        if isinstance(node, ast.Assign) and node.targets[0].id == '_base_':
            for base in ast.literal_eval(node.value):
                found |= bases_of((file.parent / base).resolve())
    return found


def find_red(name: str, config: Config) -> set[str]:
    """Checks of a config that are red; all of them if it cannot be built."""
    built, red = Built(config), set()
    for label, check in checks_of(name).items():
        try:
            if check(built):
                red.add(label)
        except (ArithmeticError, AttributeError, LookupError):
            red.add(label)
    return red


class Mutation:
    """The rows that are still to turn red, by name of the config.

    Args:
        folder (Path): A copy of the configs.
        only (str): Expression that ``config: row`` holds.
    """

    def __init__(self, folder: Path, only: str) -> None:
        self.folder = folder
        self.originals = {name: Built.read(name, folder).config for name in ALL}
        self.files = {name: bases_of(folder / f'{name}.py') for name in ALL}
        self.left = {
            (name, row)
            for name in ALL
            for row in checks_of(name)
            if re.search(only, f'{name}: {row}')
        }
        self.count = len(self.left)

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
        for file in sorted(files - {self.folder / 'host.py'}):
            text = file.read_text()
            literals = sorted(find_literals(file))
            heirs = sorted(name for name in names if file in self.files[name])
            for index, literal in enumerate(literals, 1):
                show(
                    f'{file.name}: {index}/{len(literals)}, {len(self.left)} rows left'
                )
                literal.write_broken(text)
                outcomes[self._try(heirs)].append(literal)
            file.write_text(text)
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

    def break_defaults(self) -> int:
        """Set what only a class's default holds; returns how many rows that were."""
        before = len(self.left)
        for name, path in sorted(self.left):
            show(f'{name}: {path}')
            rows = [row for row in VALUES if name in row.configs and row.path == path]
            config = copy.deepcopy(self.originals[name])
            for row in rows:
                if set_value(config, path, broken(row.value)):
                    self.left -= {(name, path)} & {
                        (name, red) for red in find_red(name, config)
                    }
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
    with tempfile.TemporaryDirectory() as folder:
        copy_configs(Path(folder) / 'configs')
        mutation = Mutation((Path(folder) / 'configs').resolve(), args.only)
        if not mutation.left:
            parser.error(f'no row matches --only {args.only}')
        wrong = mutation.check_originals()
        if wrong:
            print('Red before anything is broken:', *wrong, sep='\n  ')
            return 1
        outcomes = mutation.break_literals()
        by_default = mutation.break_defaults()
    show('')
    counts = ', '.join(f'{len(found)} {name}' for name, found in outcomes.items())
    print(f'{sum(map(len, outcomes.values()))} values broken: {counts}.')
    print(
        f'{mutation.count - len(mutation.left)} of {mutation.count} rows turned red, '
        f"{by_default} of them by an argument in place of a class's default."
    )
    if args.green:
        print('Held by no row:', *outcomes['green'], sep='\n  ')
    if mutation.left:
        survivors = sorted(f'{name}: {row}' for name, row in mutation.left)
        print('Survived:', *survivors, sep='\n  ')
    return bool(mutation.left)


if __name__ == '__main__':
    sys.exit(main())
