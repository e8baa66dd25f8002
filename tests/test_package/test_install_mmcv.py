# SPDX-License-Identifier: Apache-2.0
"""mmcv with and without operators take turns in one environment, leaving no trace.

The packages are small ones of the same names and files; the installer and pip are real.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BINARY = f'_ext{EXTENSION_SUFFIXES[0]}'
# Only the presence of a binary counts here: a real one would need a compiler.
LOOK_UP = 'import mmcv._ext\nmmcv._ext.nms\n'


METADATA = 'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n'
WHEEL = 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n'


def write_wheel(folder, name, version, files):
    """The least that pip takes for a wheel."""
    info = f'{name}-{version}.dist-info'
    metadata = METADATA.format(name=name, version=version)
    files = files | {f'{info}/METADATA': metadata, f'{info}/WHEEL': WHEEL}
    record = ''.join(f'{file},,\n' for file in [*files, f'{info}/RECORD'])
    with zipfile.ZipFile(folder / f'{name}-{version}-py3-none-any.whl', 'w') as wheel:
        for file, text in (files | {f'{info}/RECORD': record}).items():
            wheel.writestr(file, text)


class Environment:
    """A virtual environment with a pip that finds two packages only.

    Args:
        checkout (Path): With the installer.
        folder (Path): Where the environment and the packages go.
    """

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.script = checkout / 'requirements' / 'install_mmcv.py'
        self.wheels = folder / 'wheels'
        self.root = folder / 'env'
        subprocess.run([sys.executable, '-m', 'venv', self.root], check=True)
        (site,) = self.root.glob('lib/python*/site-packages')
        self.mmcv = site / 'mmcv'
        lines = (checkout / 'requirements' / 'mmcv.txt').read_text().splitlines()
        self.version = lines[-1].removeprefix('mmcv==')

    def empty(self) -> None:
        """As it was at first."""
        for folder in [self.wheels, *self.mmcv.parent.glob('mmcv*')]:
            shutil.rmtree(folder, ignore_errors=True)
        self.wheels.mkdir()

    def offer(self, name: str, ops: str, **files: str) -> None:
        """Put a package where pip finds it."""
        contents = {
            'mmcv/__init__.py': f"__version__ = '{self.version}'\n",
            'mmcv/ops/__init__.py': ops,
        }
        contents |= {f'mmcv/{file}': text for file, text in files.items()}
        write_wheel(self.wheels, name, self.version, contents)

    def install(self, wanted: str, **variables: str) -> subprocess.CompletedProcess:
        settings = {'PIP_NO_INDEX': '1', 'PIP_FIND_LINKS': str(self.wheels)}
        return subprocess.run(
            [self.root / 'bin' / 'python', self.script, wanted],
            env=os.environ | settings | variables,
            capture_output=True,
            text=True,
        )

    def installed(self) -> tuple[list[str], list[str]]:
        """Distributions that are there, and what stands for the operators."""
        packages = [
            path.name.split('-')[0] for path in self.mmcv.parent.glob('mmcv*-*')
        ]
        return packages, [path.name for path in self.mmcv.glob('_ext*')]


@pytest.fixture(scope='module')
def made_once(repo_root, tmp_path_factory):
    return Environment(repo_root, tmp_path_factory.mktemp('mmcv'))


@pytest.fixture
def environment(made_once):
    made_once.empty()
    made_once.offer('mmcv_lite', LOOK_UP)
    made_once.offer('mmcv', '', **{BINARY: 'compiled'})
    return made_once


LIGHT = (['mmcv_lite'], ['_ext.py'])
FULL = (['mmcv'], [BINARY])


def test_switching_there_and_back(environment, repo_root):
    # What is asked for, and what is there then.
    turns = [
        ('either', LIGHT),
        ('with', FULL),
        ('either', FULL),
        ('without', LIGHT),
        ('either', LIGHT),
        ('with', FULL),
    ]
    for wanted, expected in turns:
        result = environment.install(wanted)
        assert result.returncode == 0, result.stdout + result.stderr
        assert environment.installed() == expected
        if expected == LIGHT:
            source = repo_root / 'centergroup_mm' / 'mmcv_without_operators.py'
            copy = environment.mmcv / '_ext.py'
            assert copy.read_text() == source.read_text()


def test_what_is_right_is_left_alone(environment):
    environment.install('with')
    before = (environment.mmcv / '__init__.py').stat()
    result = environment.install('either')
    assert 'is there, with operators' in result.stdout
    assert (environment.mmcv / '__init__.py').stat().st_ino == before.st_ino


def test_one_package_over_the_other_is_cleared_up(environment):
    """As `pip install mmcv` beside mmcv-lite leaves them, and one uninstalled."""
    environment.install('without')
    pip = [environment.root / 'bin' / 'python', '-m', 'pip', '--quiet']
    wheel = next(environment.wheels.glob('mmcv-*.whl'))
    subprocess.run([*pip, 'install', '--no-index', wheel], check=True)
    subprocess.run([*pip, 'uninstall', '--yes', 'mmcv-lite'], check=True)
    assert environment.install('without').returncode == 0
    assert environment.installed() == LIGHT


def test_operators_that_do_not_import_are_replaced_by_none(environment):
    environment.install('with')
    (environment.mmcv / 'ops' / '__init__.py').write_text('raise ImportError("torch")')
    assert environment.install('either').returncode == 0
    assert environment.installed() == LIGHT


def test_without_a_wheel_and_a_compiler_nothing_is_touched(environment, tmp_path):
    environment.install('without')
    next(environment.wheels.glob('mmcv-*.whl')).unlink()
    result = environment.install('with', CXX='/no/compiler', PATH=str(tmp_path))
    assert result.returncode == 1
    assert 'lacks' in result.stderr and 'a C++ compiler: package g++' in result.stderr
    assert environment.installed() == LIGHT


def test_a_wheel_for_another_torch_is_not_kept_quietly(environment, tmp_path):
    broken = 'raise ImportError("undefined symbol")'
    environment.offer('mmcv', broken, **{BINARY: 'compiled'})
    result = environment.install('with', CXX='/no/compiler', PATH=str(tmp_path))
    assert result.returncode == 1
    assert 'does not fit the torch' in result.stdout
    # And the next run mends it.
    assert environment.install('either').returncode == 0
    assert environment.installed() == LIGHT
