# SPDX-License-Identifier: Apache-2.0
"""Imports within the package run one way; the files are parsed, not run."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = 'centergroup_mm'
BASE = {'structures', 'ops'}
MODEL_PARTS = {'models.layers', 'models.attention', 'models.patch_cnn'}
LAB_BASE = {'lab.command_line', 'lab.configs', 'lab.mim'}

# What the modules of each part may import, beside those of their own part. The
# longest name that fits a module counts; '' is the package's __init__.
ALLOWED = {
    'version': set(),
    'folder_lock': set(),
    'host': set(),
    'mmcv_without_operators': set(),
    'structures': set(),
    'checkpoint_files': set(),
    'ops': {'structures'},
    'losses': BASE,
    'task_modules': BASE,
    'models.layers': BASE,
    'models.patch_cnn': BASE | {'models.layers'},
    'models.attention': BASE | {'models.layers'},
    'models.tokenizer': BASE | MODEL_PARTS,
    'models.grouping': BASE | MODEL_PARTS | {'losses', 'task_modules'},
    'models': BASE | {'models', 'losses', 'task_modules'},
    'codecs': BASE,
    'files': set(),
    'datasets': BASE | {'codecs', 'folder_lock'},
    'conversion': {'structures', 'checkpoint_files', 'files'},
    'engine': {'checkpoint_files', 'datasets', 'files', 'folder_lock'},
    'visualization': BASE | {'datasets', 'engine', 'files'},
    'lab.command_line': set(),
    'lab.configs': set(),
    'lab.markdown': set(),
    'lab.mim': set(),
    'lab.schedule': set(),
    'lab.training': {'checkpoint_files', 'engine', 'folder_lock', 'lab.mim'},
    'lab.crowd': {'datasets', 'files', 'folder_lock'},
    'lab.evaluation': BASE | {'datasets', 'files', 'lab.crowd'},
    'lab.pictures': {'models', 'visualization', 'lab.configs'},
    'lab.report': {'datasets', 'files', 'visualization', 'lab.evaluation'} | LAB_BASE,
    'lab.benchmark': BASE
    | {
        'codecs',
        'datasets',
        'engine',
        'files',
        'lab.command_line',
        'lab.configs',
        'lab.crowd',
        'lab.markdown',
        'version',
    },
    'lab.comparison_table': {'lab.markdown'},
    'lab.comparison': {'files', 'lab.benchmark', 'lab.comparison_table', 'lab.crowd'}
    | {'lab.evaluation', 'lab.training'}
    | LAB_BASE,
    'lab.demo_report': {'lab.report', 'visualization'},
    'lab.demo': {'lab.crowd', 'lab.demo_report', 'lab.training', 'visualization'}
    | LAB_BASE,
    'lab': set(),
    '': {'host', 'version', 'losses', 'task_modules', 'models', 'codecs', 'datasets'}
    | {'engine', 'visualization'},
}


def module_name(path: Path, package: Path) -> str:
    """Name of a module within the package, '' for the package's own __init__."""
    parts = path.relative_to(package).with_suffix('').parts
    return '.'.join(part for part in parts if part != '__init__')


def imported(source: str, module: str, is_init: bool) -> Iterator[str]:
    """Yield what a module imports from the package, as names within it."""
    package_parts = [part for part in module.split('.') if part]
    if not is_init:
        package_parts = package_parts[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split('.')[0] == PACKAGE:
                    yield alias.name[len(PACKAGE) + 1 :]
        elif isinstance(node, ast.ImportFrom):
            target = (node.module or '').split('.') if node.module else []
            if node.level:
                keep = len(package_parts) - (node.level - 1)
                target = package_parts[:keep] + target
            elif target[:1] == [PACKAGE]:
                target = target[1:]
            else:
                continue
            # The names may be modules or contents; for the part it is all one.
            for alias in node.names:
                yield '.'.join([*target, alias.name])


def part_of(name: str, parts: dict) -> str:
    """Longest known part that a name belongs to."""
    fitting = [
        part for part in parts if part and (name == part or name.startswith(part + '.'))
    ]
    return max(fitting, key=len, default='')


def violations(sources: dict[str, tuple[str, bool]]) -> list[str]:
    """Describe the forbidden imports of modules given as {name: (source, is_init)}."""
    found = []
    for module, (source, is_init) in sources.items():
        own = part_of(module, ALLOWED)
        if own == '' and module != '':
            found.append(f'{module} belongs to no part: add it to ALLOWED')
            continue
        for name in imported(source, module, is_init):
            part = part_of(name, ALLOWED)
            allowed = ALLOWED[own] | {own}
            # 'models' as allowed stands for everything beneath it.
            if part not in allowed and not (
                'models' in allowed and part.startswith('models')
            ):
                found.append(f'{module or PACKAGE} imports {name}')
    return found


def test_imports_run_one_way(repo_root):
    package = repo_root / PACKAGE
    files = [path for path in package.rglob('*.py') if '.mim' not in path.parts]
    assert len(files) > 10
    sources = {
        module_name(path, package): (path.read_text(), path.name == '__init__.py')
        for path in files
    }
    assert violations(sources) == []


def test_nothing_but_the_lab_may_import_the_lab():
    for part, allowed in ALLOWED.items():
        if part != 'lab' and not part.startswith('lab.'):
            assert not any(name.startswith('lab') for name in allowed), part


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('ops.flip', 'from ..models.layers import MLP'),
        ('ops.flip', 'from centergroup_mm.models import grouping'),
        ('ops.flip', 'import centergroup_mm.losses'),
        ('structures', 'from .ops import flip'),
        ('losses.grouping_loss', 'from ..task_modules import targets'),
        ('models.layers', 'from .attention import CenterKeypointAttention'),
        ('models.grouping', 'def f():\n    from .centergroup_head import X'),
        ('codecs.center_heatmap', 'from .. import models'),
        ('codecs.center_heatmap', 'from .. import __version__'),
        ('datasets.masks', 'from ..engine import AtomicCheckpointHook'),
        ('engine.checkpoint_hook', 'from ..models.checkpoints import rename'),
        ('visualization.grid', 'from ..lab.pictures import place_side_by_side'),
        ('novelty', 'import torch'),
    ],
)
def test_a_forbidden_import_is_found(module, source):
    assert len(violations({module: (source, False)})) == 1


def test_an_init_resolves_names_from_itself():
    assert violations({'models': ('from .grouping import X', True)}) == []
    assert violations({'ops': ('from ..models import X', True)}) != []
