# SPDX-License-Identifier: Apache-2.0
"""Install mmcv, with or without its compiled operators.

mmcv comes as two packages that fill the same folder: mmcv, whose operators are compiled
against the torch that is installed, and mmcv-lite, which has everything but those. One
installed over the other, or taken away from beside it, leaves a mixture, so this
removes both and then installs one. What is right already is left alone.

    python requirements/install_mmcv.py without    # seconds, builds nothing
    python requirements/install_mmcv.py with       # seconds from a wheel, else a build
    python requirements/install_mmcv.py either     # keep what works; else without

It works on the environment of the Python that runs it. pip's own settings hold, so a
wheel of mmcv is found through PIP_FIND_LINKS.

Variables:  FORCE_CUDA   1 builds the operators for the GPU too; needs a CUDA compiler
                         that matches torch.
            MAX_JOBS     how many files are compiled at once; default: one per core
"""

import argparse
import importlib.machinery
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACEHOLDER = HERE.parent / 'centergroup_mm' / 'mmcv_without_operators.py'
MMCV = Path(sysconfig.get_path('platlib')) / 'mmcv'
TRY_IMPORT = 'import sys, mmcv, mmcv.ops; sys.exit(mmcv.__version__ != sys.argv[1])'


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('operators', choices=['with', 'without', 'either'])
    wanted = parser.parse_args().operators
    version = pinned_version()
    kind = 'with' if has_binary() else 'without'
    try:
        if wanted in (kind, 'either') and works(version):
            if kind == 'without':
                shutil.copyfile(PLACEHOLDER, MMCV / '_ext.py')  # it may be of old
            print(f'mmcv {version} is there, {kind} operators.')
        elif wanted == 'with':
            install_with_operators(version)
        else:
            install_without_operators(version)
    except (subprocess.CalledProcessError, RuntimeError) as error:
        print(f'install_mmcv: {error}', file=sys.stderr)
        return 1
    return 0


def pinned_version() -> str:
    """The version in mmcv.txt."""
    lines = (HERE / 'mmcv.txt').read_text().splitlines()
    (line,) = (line for line in lines if line.startswith('mmcv=='))
    return line.removeprefix('mmcv==').strip()


def has_binary() -> bool:
    """Whether mmcv's folder holds compiled operators, be they usable or not."""
    suffixes = importlib.machinery.EXTENSION_SUFFIXES
    return any((MMCV / f'_ext{suffix}').exists() for suffix in suffixes)


def works(version: str, show: bool = False) -> bool:
    """Whether a new Python imports mmcv's operators, of that version."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', TRY_IMPORT, version],
        cwd=MMCV.parent,
        stderr=None if show else subprocess.DEVNULL,
    )
    return done.returncode == 0


def install_without_operators(version: str) -> None:
    """mmcv-lite, and a module that stands in for the operators."""
    remove()
    pip('install', '--no-deps', f'mmcv-lite=={version}')
    shutil.copyfile(PLACEHOLDER, MMCV / '_ext.py')
    if not works(version, show=True):
        raise RuntimeError('mmcv-lite was installed, but does not import; see above.')


def install_with_operators(version: str) -> None:
    """mmcv from a wheel that fits this torch, or from one that is built here."""
    if try_wheel(version, '--only-binary', ':all:', quiet=True):
        return
    require_compiler()
    print('Building mmcv with its operators: 6 to 40 minutes.', flush=True)
    # pip keeps builds by name, not by the torch they are for: the first may be of old.
    for cache in ([], ['--no-cache-dir']):
        if try_wheel(version, '--no-binary', 'mmcv', *cache):
            return
    works(version, show=True)
    raise RuntimeError('mmcv was built, but its operators do not import; see above.')


def try_wheel(version: str, *options: str, quiet: bool = False) -> bool:
    """Get a wheel, installing it in place of what is there; and whether it works.

    Args:
        version: Of mmcv.
        options: Of pip, on where the wheel may come from.
        quiet: There may be none; nothing is changed then.

    Raises:
        RuntimeError: If there is none and it is not ``quiet``.
    """
    with tempfile.TemporaryDirectory() as folder:
        how = ['--no-deps', '--no-build-isolation', '--wheel-dir', folder, *options]
        output = subprocess.DEVNULL if quiet else None
        try:
            pip(
                *('wheel', *how, f'mmcv=={version}'),
                env=build_variables(),
                stdout=output,
                stderr=output,
            )
        except subprocess.CalledProcessError as error:
            if quiet:
                return False
            raise RuntimeError(
                'the build of mmcv failed; see above. `make env` does without its '
                'operators.'
            ) from error
        (wheel,) = Path(folder).glob('*.whl')
        remove()
        pip('install', '--no-deps', '--no-index', str(wheel))
    fits = has_binary() and works(version)
    if not fits:
        print('That wheel of mmcv does not fit the torch that is installed.')
    return fits


def build_variables() -> dict[str, str]:
    """The environment of a build; GPUs are hidden, which makes it one for the CPU."""
    variables = {'MAX_JOBS': str(os.cpu_count() or 1), **os.environ}
    variables['MMCV_WITH_OPS'] = '1'
    if os.environ.get('FORCE_CUDA') != '1':
        variables['CUDA_VISIBLE_DEVICES'] = ''
    return variables


def remove() -> None:
    """Remove both packages, and what was put into their folder."""
    pip('uninstall', '--yes', '-qq', 'mmcv', 'mmcv-lite')
    if MMCV.exists():
        shutil.rmtree(MMCV)


def require_compiler() -> None:
    """Name everything that a build lacks at once.

    Raises:
        RuntimeError: If something is missing.
    """
    version = f'{sys.version_info.major}.{sys.version_info.minor}'
    missing = []
    if not (Path(sysconfig.get_path('include')) / 'Python.h').exists():
        missing.append(f'Python.h: package python{version}-dev (python{version}-devel)')
    if not any(map(shutil.which, [os.environ.get('CXX', 'c++'), 'g++'])):
        missing.append('a C++ compiler: package g++ (gcc-c++)')
    if missing:
        raise RuntimeError(
            'no wheel of mmcv fits, and to build its operators this machine lacks '
            + ' and '.join(missing)
            + '. CenterGroup itself needs no operators: `make env` does without.'
        )


def pip(*arguments: str, **options) -> None:
    """Run pip; ``options`` are those of ``subprocess.run``."""
    command = [sys.executable, '-m', 'pip', '--disable-pip-version-check', *arguments]
    subprocess.run(command, check=True, **options)


if __name__ == '__main__':
    sys.exit(main())
