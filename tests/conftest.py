# SPDX-License-Identifier: Apache-2.0
"""Fixtures shared by all tests.

Tests of real photographs and reference fixtures find them by the environment
variable ``CENTERGROUP_TEST_DATA``, the folder that holds ``data/coco_mini``,
``data/crowdpose_mini`` and ``parity``. Without it they are skipped. Where it is set
nothing may be skipped for want of data: such a run fails, so that continuous
integration cannot pass by leaving tests out.
"""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.machinery import ExtensionFileLoader
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS
from mmpose.utils import register_all_modules

DATA_VARIABLE = 'CENTERGROUP_TEST_DATA'
GIANT = 32 * 2**20  # bytes


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        '--device',
        default='cpu',
        help='where tests that take the fixture "device" run, as torch names it',
    )


@pytest.fixture(scope='session')
def device(request: pytest.FixtureRequest) -> torch.device:
    """What ``--device`` says; the CPU without it.

    A GPU convolves in float32 there, as the CPU, and not with the ten bits of TF32 that
    are torch's default.
    """
    torch.backends.cudnn.allow_tf32 = False
    return torch.device(request.config.getoption('--device'))


@pytest.fixture(scope='session')
def gpu(device: torch.device) -> torch.device:
    """The GPU that ``--device`` names; skips without one."""
    if device.type != 'cuda':
        pytest.skip('runs on a GPU: --device cuda')
    return device


@pytest.fixture(autouse=True, scope='session')
def autograd_without_devices() -> None:
    """Start torch's autograd before any export.

    An export pretends that there is a GPU. Were that what the first gradient of a
    process meets, no fork of the process could compute gradients any more.
    """
    torch.ones((), requires_grad=True).backward()


@pytest.fixture(autouse=True, scope='module')
def no_leftover_giants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove checkpoints of full width after each module: they fill a small disk."""
    yield
    for path in tmp_path_factory.getbasetemp().rglob('*.pth'):
        if path.is_file() and not path.is_symlink() and path.stat().st_size > GIANT:
            path.unlink(missing_ok=True)


@pytest.fixture(scope='session')
def repo_root() -> Path:
    """The checkout that these tests are part of."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session')
def test_data() -> Path:
    """The folder of photographs and reference fixtures; skips without it."""
    value = os.environ.get(DATA_VARIABLE)
    if not value:
        pytest.skip(f'needs real data: set {DATA_VARIABLE} to its folder')
    folder = Path(value).resolve()
    if not folder.is_dir():
        pytest.fail(f'{DATA_VARIABLE}={value} is not a folder')
    return folder


def _subfolder(test_data: Path, name: str) -> Path:
    folder = test_data / name
    if not folder.is_dir():
        pytest.fail(f'{DATA_VARIABLE} is set, but {folder} does not exist')
    return folder


@pytest.fixture(scope='session')
def coco_mini(test_data: Path) -> Path:
    """Four COCO val2017 photographs and ``test_coco.json``."""
    return _subfolder(test_data, 'data/coco_mini')


@pytest.fixture(scope='session')
def crowdpose_mini(test_data: Path) -> Path:
    """Two CrowdPose photographs and ``test_crowdpose.json``."""
    return _subfolder(test_data, 'data/crowdpose_mini')


@pytest.fixture(scope='session')
def parity_dir(test_data: Path) -> Path:
    """Outputs of the reference implementation, for comparison."""
    return _subfolder(test_data, 'parity')


@pytest.fixture(scope='session')
def run_cli() -> Callable[..., subprocess.CompletedProcess]:
    """Run a command of this environment and fail with its output if it fails.

    Called as ``run_cli(args, cwd=None, timeout=600, env=None, check=True)``. The
    first argument may be ``python``, ``mim`` or any other program of the environment
    that runs the tests; ``env`` adds to the environment's variables. Returns the
    ``CompletedProcess``, whose ``stdout`` holds both streams as text.
    """
    programs = Path(sys.executable).parent

    def run(
        args: Sequence[str | Path],
        cwd: Path | None = None,
        timeout: float = 600,
        env: dict[str, str] | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess:
        variables = {**os.environ, **(env or {})}
        variables['PATH'] = os.pathsep.join([str(programs), os.environ['PATH']])
        command = [str(argument) for argument in args]
        if command[0] == 'python':
            command[0] = sys.executable
        elif (programs / command[0]).is_file():
            command[0] = str(programs / command[0])
        try:
            result = subprocess.run(
                command,
                cwd=cwd,
                env=variables,
                timeout=timeout,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except subprocess.TimeoutExpired as expired:
            output = (expired.stdout or b'').decode(errors='replace')
            pytest.fail(
                f'{" ".join(command)}\nran longer than {timeout} s:\n{output[-8000:]}'
            )
        if check and result.returncode != 0:
            pytest.fail(
                f'{" ".join(command)}\nended with {result.returncode}:\n'
                f'{result.stdout[-8000:]}'
            )
        return result

    return run


@pytest.fixture
def run_without(
    repo_root: Path, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess]:
    """Run Python where some packages are absent.

    Called as ``run_without(absent, arguments, check=True)``: top-level names of
    packages, and what ``python`` is given. The working folder is ``tmp_path``. Returns
    the ``CompletedProcess``, with ``stdout`` and ``stderr`` as text.
    """

    def run(
        absent: Iterable[str], arguments: Sequence[str | Path], check: bool = True
    ) -> subprocess.CompletedProcess:
        site = tmp_path / 'without'
        site.mkdir(exist_ok=True)
        # Python runs this file before anything else.
        (site / 'sitecustomize.py').write_text(
            'import sys\n'
            f'absent = {sorted(absent)!r}\n'
            'class Blocker:\n'
            '    def find_spec(self, name, path=None, target=None):\n'
            '        if name.split(".")[0] in absent:\n'
            '            raise ModuleNotFoundError(name + " is blocked", name=name)\n'
            'sys.meta_path.insert(0, Blocker())\n'
            # Whether a package is there is asked before it is imported.
            'import importlib.util as util\n'
            'find = util.find_spec\n'
            'util.find_spec = lambda n, p=None: None if n in absent else find(n, p)\n'
        )
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, 'PYTHONPATH': f'{site}{os.pathsep}{repo_root}'},
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            pytest.fail(f'{arguments}\n{done.stdout}{done.stderr}')
        return done

    return run


@pytest.fixture(scope='session')
def show_peaks() -> Callable[[torch.nn.Module], None]:
    """Give an untrained model peaks: without training its maps are nearly 0."""

    def show(model: torch.nn.Module) -> None:
        for layer in model.head.detector.final_layers:
            torch.nn.init.normal_(layer.weight, std=0.3)
            torch.nn.init.ones_(layer.bias)

    return show


@pytest.fixture(scope='session')
def save_random_weights(
    show_peaks: Callable[[torch.nn.Module], None],
) -> Callable[[Path, Path], Path]:
    """Write a checkpoint that has learned nothing but sees peaks.

    Called as ``save_random_weights(config_file, target)``; returns ``target``.
    """

    def save(config_file: Path, target: Path) -> Path:
        register_all_modules()
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmpose'):
            model = MODELS.build(Config.fromfile(config_file).model)
        show_peaks(model)
        torch.save(dict(state_dict=model.state_dict()), target)
        return target

    return save


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of long tests, and skip what needs mmcv's missing operators.

    Where the files are run by several processes, none is then left alone with a long
    one.
    """
    long = {item.path for item in items if item.get_closest_marker('slow')}
    items.sort(key=lambda item: item.path not in long)
    loader = importlib.import_module('mmcv._ext').__spec__.loader
    if isinstance(loader, ExtensionFileLoader):
        return
    skip = pytest.mark.skip(reason="needs mmcv's operators: make env OPS=1")
    for item in items:
        if 'operators' in item.keywords:
            item.add_marker(skip)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that has the data and yet skipped tests for want of it."""
    reporter = session.config.pluginmanager.getplugin('terminalreporter')
    if not os.environ.get(DATA_VARIABLE) or reporter is None:
        return
    skipped = [
        report.nodeid
        for report in reporter.stats.get('skipped', [])
        if DATA_VARIABLE in str(report.longrepr)
    ]
    if skipped:
        reporter.write_line(
            f'\n{DATA_VARIABLE} is set, yet skipped for want of data: '
            + ', '.join(skipped),
            red=True,
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
