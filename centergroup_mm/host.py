# SPDX-License-Identifier: Apache-2.0
"""Checks that the packages this plug-in is a guest of are there and usable.

Everything is looked up by import name and feature, never by distribution name:
maintained forks provide the same modules under other names. There are no upper
bounds, because the hosts set their own and a second opinion only gets in the way.
"""

import importlib
import warnings
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

# The oldest versions that this package works with, by import name: the fast tests pass
# on them together. Before torch 2.6, torch.load runs what a checkpoint contains: its
# default is not to look, safe loading has no allow-list by name, and a file can get
# past it (CVE-2025-32434). Before mmpose 1.3.2, no pipeline may do without a flip.
MINIMUM_VERSIONS = {
    'torch': '2.6.0',
    'mmengine': '0.9.0',
    'mmcv': '2.0.1',
    'mmdet': '3.0.0',
    'mmpose': '1.3.2',
}

SETUP_ADVICE = (
    '`make env` in a checkout of centergroup_mm prepares an environment that works; '
    'requirements/ lists its versions.'
)

INSTALL_ADVICE = {
    'torch': 'pip install --upgrade torch torchvision',
    'mmengine': 'pip install mmengine',
    # mmcv and mmcv-lite fill the same folder: one must go before the other comes.
    'mmcv': 'pip uninstall --yes mmcv mmcv-lite; pip install mmcv-lite==2.1.0',
    'mmdet': 'pip install mmdet',
    # chumpy, which mmpose requires and never imports, does not build under pip.
    'mmpose': 'pip install --no-deps mmpose',
}


def host_is_installed() -> bool:
    """Whether this is an environment of OpenMMLab, where the plug-in registers.

    Elsewhere what needs no more than numpy, OpenCV and the like still works: reading
    and judging poses, drawing them, drawing a crowd, running exported models.
    """
    return find_spec('mmengine') is not None


def check_version(name: str, found: str, minimum: str) -> None:
    """Refuse a version older than the oldest supported one.

    Args:
        name (str): Import name of the package, used in the message.
        found (str): Its version, local parts (``+cu121``) allowed.
        minimum (str): Oldest supported version.

    Raises:
        ImportError: If ``found`` is older than ``minimum`` or is no version.
    """
    # Not at the top: where there is no host, there may be no packaging.
    from packaging.version import InvalidVersion, Version

    try:
        fits = Version(found) >= Version(minimum)
    except InvalidVersion:
        fits = False
    if not fits:
        raise ImportError(
            f'centergroup_mm needs {name}>={minimum}, but {name} {found} is '
            f'installed. Upgrade it, for example with `{INSTALL_ADVICE[name]}`. '
            f'{SETUP_ADVICE}'
        )


def import_host(name: str) -> ModuleType:
    """Import one host package.

    Raises:
        ImportError: If it is missing, or fails while it is being imported (mmpose
            and mmdet assert the versions of mmcv and mmengine that they accept).
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(
            f'centergroup_mm is a plug-in of MMPose and needs {name}, which is not '
            f'installed. Install it, for example with `{INSTALL_ADVICE[name]}`. '
            f'{SETUP_ADVICE}'
        ) from error
    except AssertionError as error:
        raise ImportError(
            f'{name} refuses the versions of the packages beside it: {error} '
            f'{SETUP_ADVICE}'
        ) from error


def check_operators() -> None:
    """Import ``mmcv.ops``, as mmdet and mmpose do.

    The operators themselves may be missing: CenterGroup calls none. Something must
    then stand in for them, as :mod:`centergroup_mm.mmcv_without_operators` does.

    Raises:
        ImportError: If nothing does, or they were compiled for another torch.
    """
    try:
        importlib.import_module('mmcv.ops')
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == 'mmcv._ext'
        advice = absent_operators() if absent else broken_operators(error)
        raise ImportError(f'{advice} {SETUP_ADVICE}') from error


def absent_operators() -> str:
    """What to do where mmcv has no operators, and nothing in their place."""
    placeholder = Path(__file__).with_name('mmcv_without_operators.py')
    target = Path(import_host('mmcv').__file__).with_name('_ext.py')
    return (
        'mmcv was installed without its compiled operators (mmcv-lite). CenterGroup '
        'calls none, but mmdet and mmpose look them up when they are imported. Let a '
        f'module stand in for them: `cp "{placeholder}" "{target}"`.'
    )


def broken_operators(error: ImportError) -> str:
    """What to do where mmcv's operators cannot be loaded."""
    return (
        f'`import mmcv.ops` fails: {error}. mmcv has compiled operators, which do not '
        'fit the torch that is installed now; pip reuses a build for another torch '
        f'without a word. CenterGroup needs none: `{INSTALL_ADVICE["mmcv"]}` leaves '
        'them out. Or build them anew: `MMCV_WITH_OPS=1 pip install --force-reinstall '
        '--no-deps --no-cache-dir --no-binary mmcv --no-build-isolation '
        '"mmcv==2.1.0"`.'
    )


def check_compiled_parts() -> None:
    """Import the compiled modules whose binary may not fit what it runs on.

    Raises:
        ImportError: If mmcv's operators were compiled for another torch, or are missing
            with nothing in their place; or xtcocotools was compiled for another numpy.
    """
    check_operators()
    try:
        importlib.import_module('xtcocotools.mask')
    except (ImportError, ValueError) as error:
        raise ImportError(
            f'`import xtcocotools.mask` fails: {error}. Its published wheel is built '
            'for numpy 1: install `"numpy<2"` beside it, or build it for your numpy '
            'with `pip install --force-reinstall --no-deps --no-cache-dir '
            '--no-binary xtcocotools --no-build-isolation xtcocotools`. '
            f'{SETUP_ADVICE}'
        ) from error


def check_safetensors() -> None:
    """Refuse to go on without it: checkpoints may be safetensors, read or written.

    Raises:
        ImportError: If it is missing.
    """
    if find_spec('safetensors') is None:
        raise ImportError(
            'centergroup_mm needs safetensors, which is not installed. Install it: '
            f'`pip install safetensors`. {SETUP_ADVICE}'
        )


def check_opencv() -> None:
    """Warn where images come out otherwise than in the published models' training.

    A warning, as what is trained and tested with one OpenCV loses nothing by it, and
    others may have no older one. Silent it would be looked for elsewhere.
    """
    import cv2

    if int(cv2.__version__.split('.')[0]) >= 5:
        warnings.warn(
            f'OpenCV {cv2.__version__} interpolates images otherwise than OpenCV 4: '
            'after resizing, up to a fifth of the values differ by up to 5 levels. '
            'Results of models that were trained with OpenCV 4, published ones '
            'included, are then not reproduced exactly; to do that, install '
            '`"opencv-python<5"`.',
            stacklevel=2,
        )


def check_host() -> None:
    """Check every host package that CenterGroup needs.

    Raises:
        ImportError: Naming the package, what was found, what is needed and what
            to do.
    """
    for name in ('torch', 'mmengine', 'mmcv'):
        check_version(name, import_host(name).__version__, MINIMUM_VERSIONS[name])
    check_safetensors()
    check_opencv()
    # mmdet and mmpose import mmcv.ops: check it first, for a message that helps.
    check_compiled_parts()
    for name in ('mmdet', 'mmpose'):
        check_version(name, import_host(name).__version__, MINIMUM_VERSIONS[name])


def host_tool(name: str) -> Path:
    """Find one of MMPose's own command-line scripts.

    Args:
        name (str): Path below MMPose's ``tools``, for example ``train.py``.

    Returns:
        The script in an installed MMPose, or in a checkout that is installed
        editable.

    Raises:
        FileNotFoundError: If MMPose was installed without its tools.
    """
    package = Path(import_host('mmpose').__file__).parent
    candidates = (package / '.mim' / 'tools' / name, package.parent / 'tools' / name)
    for script in candidates:
        if script.is_file():
            return script
    raise FileNotFoundError(
        f'MMPose at {package} has no tools/{name}: neither {candidates[0]} nor '
        f'{candidates[1]} exists. Install MMPose from its wheel.'
    )
