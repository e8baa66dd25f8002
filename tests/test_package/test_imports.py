# SPDX-License-Identifier: Apache-2.0
"""Imports within the package run one way; the files are parsed, not run.

``python tests/test_package/test_imports.py`` prints the table of imports that stands in
docs/architecture.md.
"""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = 'centergroup_mm'
# Parts that need nothing but numpy and the standard library, and what one of them
# imports inside of a function, where it is asked for more.
ON_NUMPY = {'version', 'texts', 'files', 'folder_lock', 'coco'}
ASKED_FOR = {'coco.annotations': {'mmengine'}}
BASE = {'structures', 'ops'}
LAB_BASE = {'lab.command_line', 'lab.configs', 'lab.mim'}

# What the modules of each part may import, beside those of their own part: no more than
# they do import. The longest name that fits a module counts; '' is the package's
# __init__.
ALLOWED = {
    # The ground floor: nothing of the package but itself.
    'version': set(),
    'texts': set(),
    'files': set(),
    'folder_lock': set(),
    'coco': set(),
    'host': set(),
    'mmcv_without_operators': set(),
    # The plug-in.
    'structures': set(),
    'checkpoint_files': {'texts'},
    'ops': {'coco', 'structures'},
    'runtime': {'coco', 'texts'},
    'losses': BASE,
    'task_modules': BASE,
    'models.layers': set(),
    'models.patch_cnn': {'ops', 'models.layers'},
    'models.attention': set(),
    'models.tokenizer': BASE | {'models.layers', 'models.patch_cnn'},
    'models.grouping': BASE | {'models.layers', 'models.attention'},
    'models': BASE
    | {'checkpoint_files', 'runtime', 'models', 'losses', 'task_modules'},
    'codecs': BASE,
    'datasets': {'coco', 'runtime'},
    'engine': {'checkpoint_files', 'coco', 'files', 'folder_lock'},
    'visualization': {'host', 'coco', 'engine', 'files', 'runtime'},
    '': {'host', 'version', 'losses', 'task_modules', 'models', 'codecs', 'datasets'}
    | {'engine', 'visualization'},
    # In and out.
    'conversion': {'checkpoint_files', 'files', 'texts'},
    'export': {'datasets', 'files', 'models', 'ops', 'runtime', 'version'},
    'command': {'files', 'folder_lock', 'runtime', 'texts', 'version', 'lab.crowd'},
    # What makers of models run: nothing above imports it, but the demonstration, which
    # draws its crowd.
    'lab': set(),
    'lab.command_line': set(),
    'lab.configs': set(),
    'lab.markdown': set(),
    'lab.mim': set(),
    'lab.schedule': set(),
    'lab.training': {'checkpoint_files', 'engine', 'folder_lock', 'lab.mim'},
    'lab.crowd': {'coco', 'folder_lock'},
    'lab.evaluation': {'coco'},
    'lab.pictures': {'coco', 'models', 'runtime', 'visualization', 'lab.configs'},
    'lab.report': {'coco', 'datasets', 'files', 'visualization', 'lab.evaluation'}
    | LAB_BASE,
    'lab.benchmark': {
        'coco',
        'codecs',
        'datasets',
        'files',
        'ops',
        'version',
        'lab.crowd',
    }
    | {'lab.command_line', 'lab.configs', 'lab.markdown'},
    'lab.runtimes': {'export', 'runtime', 'lab.benchmark', 'lab.crowd', 'lab.markdown'},
    'lab.comparison_table': {'lab.markdown'},
    'lab.comparison': {'coco', 'files', 'lab.benchmark', 'lab.comparison_table'}
    | {
        'lab.command_line',
        'lab.configs',
        'lab.crowd',
        'lab.evaluation',
        'lab.training',
    },
    'lab.demo_report': {'coco', 'lab.report', 'visualization'},
    'lab.demo': {
        'coco',
        'lab.crowd',
        'lab.demo_report',
        'lab.training',
        'visualization',
    }
    | LAB_BASE,
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


def foreign(source: str) -> Iterator[tuple[str, bool]]:
    """Yield packages that a module imports from elsewhere, and whether at once."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        for name in names:
            top = name.split('.')[0]
            if top not in {*sys.stdlib_module_names, PACKAGE}:
                yield top, node in tree.body


def beyond_numpy(module: str, source: str) -> list[str]:
    """What a module of :data:`ON_NUMPY` imports and may not."""
    return [
        top
        for top, at_once in foreign(source)
        if top != 'numpy' and (at_once or top not in ASKED_FOR.get(module, ()))
    ]


def unused(sources: dict[str, tuple[str, bool]]) -> list[str]:
    """Describe what :data:`ALLOWED` allows and no module of a whole package does."""
    used = {part: set() for part in ALLOWED}
    for module, (source, is_init) in sources.items():
        parts = {part_of(name, ALLOWED) for name in imported(source, module, is_init)}
        # As allowed, 'models' stands for everything beneath it.
        beneath = {'models' for part in parts if part.startswith('models')}
        used[part_of(module, ALLOWED)] |= parts | beneath
    return [
        f'{part or PACKAGE} imports nothing of {other}'
        for part, allowed in ALLOWED.items()
        for other in sorted(allowed - used[part])
    ]


def modules_imported(sources: dict[str, tuple[str, bool]]) -> dict[str, set[str]]:
    """By module of the package, those that it imports."""
    graph = {}
    for module, (source, is_init) in sources.items():
        graph[module] = set()
        for name in imported(source, module, is_init):
            # What is no module is something that the one before the dot holds.
            while name not in sources:
                name = name.rpartition('.')[0]
            graph[module] |= {name} - {module}
    return graph


def import_table() -> str:
    """:data:`ALLOWED` of whole sub-packages, as a table, highest floor first."""
    imports: dict[str, set[str]] = {}
    for part, allowed in ALLOWED.items():
        owner = part.split('.')[0]
        found = {name.split('.')[0] for name in allowed} - {owner}
        imports.setdefault(owner, set()).update(found)
    floors: dict[str, int] = {}
    # A sub-package comes after all that it imports.
    for owner in TopologicalSorter(imports).static_order():
        floors[owner] = max((floors[name] + 1 for name in imports[owner]), default=0)
    rows = ['| floor | sub-package | imports |', '| ---: | --- | --- |']
    for owner in sorted(floors, key=lambda name: (-floors[name], name)):
        names = ', '.join(f'`{name}`' for name in sorted(imports[owner]))
        rows.append(f'| {floors[owner]} | `{owner or "__init__"}` | {names} |')
    return '\n'.join(rows)


@pytest.fixture(scope='module')
def sources(repo_root) -> dict[str, tuple[str, bool]]:
    """All modules of the package: source, and whether it is an __init__."""
    package = repo_root / PACKAGE
    files = [path for path in package.rglob('*.py') if '.mim' not in path.parts]
    assert len(files) > 10
    return {
        module_name(path, package): (path.read_text(), path.name == '__init__.py')
        for path in files
    }


def test_imports_run_one_way(sources):
    assert violations(sources) == []


def test_no_module_imports_itself_through_others(sources):
    graph = modules_imported(sources)
    order = list(TopologicalSorter(graph).static_order())
    assert len(order) == len(sources)
    # A circle would be seen.
    graph['structures'] = {'models.grouping'}
    with pytest.raises(CycleError):
        list(TopologicalSorter(graph).static_order())


def test_the_page_shows_these_imports(repo_root):
    page = (repo_root / 'docs' / 'architecture.md').read_text()
    assert import_table() in page, 'renew it, see the top of this file'


def test_no_more_is_allowed_than_needed(sources):
    assert unused(sources) == []
    # Without one module, something that only it imports is missed.
    rest = {name: sources[name] for name in sources if name != 'ops.similarity'}
    assert unused(rest) == ['ops imports nothing of coco']


def test_the_ground_floor_needs_numpy_alone(sources):
    checked = set()
    for module, (source, _) in sources.items():
        if part_of(module, ALLOWED) in ON_NUMPY:
            checked.add(part_of(module, ALLOWED))
            assert beyond_numpy(module, source) == [], module
    assert checked == ON_NUMPY
    assert not any(ALLOWED[part] for part in ON_NUMPY)


def test_a_package_beyond_numpy_is_found():
    inside = 'def read():\n    from mmengine.fileio import get_local_path'
    assert beyond_numpy('coco.annotations', inside) == []
    assert beyond_numpy('coco.truth', inside) == ['mmengine']
    assert beyond_numpy('coco.annotations', 'import mmengine') == ['mmengine']
    assert beyond_numpy('files', 'import os, cv2\nimport numpy as np') == ['cv2']


def test_nothing_but_the_lab_may_import_the_lab():
    for part, allowed in ALLOWED.items():
        if part != 'lab' and not part.startswith('lab.'):
            found = {name for name in allowed if name.startswith('lab')}
            assert found <= ({'lab.crowd'} if part == 'command' else set()), part


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
        ('coco.truth', 'from ..files import write_atomically'),
        ('visualization.grid', 'from ..lab.pictures import place_side_by_side'),
        ('novelty', 'import torch'),
    ],
)
def test_a_forbidden_import_is_found(module, source):
    assert len(violations({module: (source, False)})) == 1


def test_an_init_resolves_names_from_itself():
    assert violations({'models': ('from .grouping import X', True)}) == []
    assert violations({'ops': ('from ..models import X', True)}) != []


if __name__ == '__main__':
    print(import_table())
