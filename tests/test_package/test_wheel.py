# SPDX-License-Identifier: Apache-2.0
"""What a wheel carries, from a checkout and from an sdist, and that mim finds it."""

import shutil
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from centergroup_mm import host

NOT_TRACKED = shutil.ignore_patterns(
    '.git', '.venv', '*.egg-info', '__pycache__', 'build', 'dist', 'data', 'work_dirs'
)


@pytest.fixture(scope='module')
def source(repo_root, tmp_path_factory) -> Path:
    """A copy of the sources: builds leave traces, and links must survive."""
    copy = tmp_path_factory.mktemp('source') / 'checkout'
    shutil.copytree(repo_root, copy, symlinks=True, ignore=NOT_TRACKED)
    return copy


def build_wheel(run_cli, tree: Path, target: Path) -> Path:
    """Build a wheel with what is installed, as the network may be out of reach."""
    build = ['--no-deps', '--no-build-isolation', '--no-index']
    run_cli(['python', '-m', 'pip', 'wheel', *build, '-w', target, tree], cwd=target)
    (wheel,) = target.glob('*.whl')
    return wheel


@pytest.fixture(scope='module')
def wheel(run_cli, source, tmp_path_factory) -> Path:
    return build_wheel(run_cli, source, tmp_path_factory.mktemp('wheel'))


def names_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if not name.endswith('/')]


def test_nothing_lands_beside_the_package(wheel):
    tops = {PurePosixPath(name).parts[0] for name in names_in(wheel)}
    assert {top for top in tops if not top.endswith('.dist-info')} == {'centergroup_mm'}


@pytest.mark.parametrize('folder', ['configs', 'tools'])
def test_mim_folder_holds_every_config_and_tool(wheel, source, folder):
    mim = f'centergroup_mm/.mim/{folder}/'
    packed = {name[len(mim) :] for name in names_in(wheel) if name.startswith(mim)}
    present = {
        path.relative_to(source / folder).as_posix()
        for path in (source / folder).rglob('*')
        if path.is_file()
    }
    assert packed == present
    assert packed


def test_links_are_packed_as_files(wheel, source):
    assert (source / 'centergroup_mm/.mim/model-index.yml').is_symlink()
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.read('centergroup_mm/.mim/model-index.yml')
    assert packed == (source / 'model-index.yml').read_bytes()


def test_every_file_of_the_package_is_packed(wheel, source):
    package = source / 'centergroup_mm'
    present = {
        path.relative_to(source).as_posix()
        for path in package.rglob('*')
        if path.is_file() and not {'.mim', '__pycache__'} & set(path.parts)
    }
    assert {PurePosixPath(name).suffix for name in present} >= {'.py', '.html', '.css'}
    assert present <= set(names_in(wheel))
    # Says that the annotations are meant for type checkers of users.
    assert 'centergroup_mm/py.typed' in names_in(wheel)


def test_config_names_are_unique(wheel):
    """mim searches the whole package by file name; a second match is an error."""
    names = names_in(wheel)
    configs = [
        PurePosixPath(name).name
        for name in names
        if name.startswith('centergroup_mm/.mim/configs/') and name.endswith('.py')
    ]
    everywhere = [PurePosixPath(name).name for name in names]
    assert [name for name in configs if everywhere.count(name) > 1] == []


def test_requirements_name_no_package_that_has_forks(wheel):
    """A fork's user must not get a second mmcv, mmdet or OpenCV by installing."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [n for n in archive.namelist() if n.endswith('/METADATA')]
        lines = archive.read(metadata).decode().splitlines()
    prefix = 'Requires-Dist: '
    required = [line[len(prefix) :] for line in lines if line.startswith(prefix)]
    assert [line for line in required if 'extra ==' not in line] == ['numpy']
    least = Version(host.MINIMUM_VERSIONS['torch'])
    (torch,) = (r for r in map(Requirement, required) if r.name == 'torch')
    assert [Version(bound.version) for bound in torch.specifier] == [least]
    # An extra is asked for; that of the runtime is for environments without a host.
    always = [line for line in required if 'extra ==' not in line]
    for name in ('mmcv', 'mmengine', 'mmdet', 'mmpose', 'opencv'):
        assert not any(name in line for line in always)
    for name in ('mmcv', 'mmengine', 'mmdet', 'mmpose'):
        assert not any(name in line for line in required)


def test_the_command_is_installed(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith('/entry_points.txt')]
        lines = archive.read(name).decode().splitlines()
    assert 'centergroup = centergroup_mm.command.command_line:main' in lines


def test_sdist_gives_the_same_wheel(run_cli, source, wheel, tmp_path):
    make = 'import sys, setuptools.build_meta as b; b.build_sdist(sys.argv[1])'
    run_cli(['python', '-c', make, tmp_path], cwd=source)
    (sdist,) = tmp_path.glob('*.tar.gz')
    assert names_in(build_wheel(run_cli, sdist, tmp_path)) == names_in(wheel)


@pytest.fixture(scope='module')
def elsewhere(run_cli, wheel, tmp_path_factory) -> dict[str, str]:
    """Environment variables that put an installed wheel before the checkout."""
    site = tmp_path_factory.mktemp('site')
    install = ['python', '-m', 'pip', 'install', '--no-deps', '--no-index']
    run_cli([*install, '--target', site, wheel])
    return {'PYTHONPATH': str(site)}


def test_the_installed_wheel_imports_from_elsewhere(run_cli, elsewhere, tmp_path):
    show = 'import centergroup_mm; print(centergroup_mm.__file__)'
    result = run_cli(
        ['python', '-W', 'ignore', '-c', show], cwd=tmp_path, env=elsewhere
    )
    assert result.stdout.startswith(elsewhere['PYTHONPATH'])


def test_mim_lists_the_models_of_an_installed_wheel(run_cli, elsewhere, tmp_path):
    result = run_cli(
        ['mim', 'search', 'centergroup_mm', '--field', 'config'],
        cwd=tmp_path,
        env=elsewhere,
    )
    for name in ('centergroup_w32', 'centergroup_w48', 'centergroup_w48_crowdpose'):
        assert name in result.stdout


@pytest.mark.slow
def test_mim_trains_and_tests_from_an_installed_wheel(run_cli, elsewhere, tmp_path):
    """By a config's name alone, in a folder that has nothing of the checkout."""
    tools = Path(elsewhere['PYTHONPATH']) / 'centergroup_mm/.mim/tools'
    crowd = ['--num-train', '2', '--num-val', '2']
    run_cli(
        ['python', tools / 'make_crowd.py', 'data/crowd', *crowd],
        cwd=tmp_path,
        env=elsewhere,
    )
    common = ['centergroup_tiny.py', '--gpus', '0', '--work-dir', 'work']
    options = [
        '--cfg-options',
        'train_cfg.max_iters=1',
        'train_dataloader.batch_size=1',
        'val_dataloader.batch_size=1',
    ]
    trained = run_cli(
        ['mim', 'train', 'centergroup_mm', *common, *options],
        cwd=tmp_path,
        env=elsewhere,
    )
    assert 'find the config file in codebase centergroup_mm' in trained.stdout
    assert 'Training finished successfully' in trained.stdout

    checkpoint = ['--checkpoint', 'work/iter_1.pth']
    tested = run_cli(
        ['mim', 'test', 'centergroup_mm', *common, *checkpoint],
        cwd=tmp_path,
        env=elsewhere,
    )
    assert 'coco/AP' in tested.stdout
