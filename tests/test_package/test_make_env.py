# SPDX-License-Identifier: Apache-2.0
"""The set-up names what a machine lacks, all at once, before it makes anything."""

import shutil
import subprocess
import sys

import pytest

# What the script itself runs, and every Linux has.
ORDINARY = ['bash', 'cat', 'cksum', 'dirname', 'getconf', 'sed', 'uname']


@pytest.fixture
def bare_machine(repo_root, tmp_path):
    """A checkout with only the set-up, and a PATH with only ordinary programs."""
    shutil.copytree(repo_root / 'requirements', tmp_path / 'requirements')
    programs = tmp_path / 'bin'
    programs.mkdir()
    for name in ORDINARY:
        (programs / name).symlink_to(shutil.which(name))

    def make_env():
        return subprocess.run(
            ['bash', tmp_path / 'requirements' / 'make_env.sh'],
            env={'PATH': str(programs), 'HOME': str(tmp_path)},
            capture_output=True,
            text=True,
        )

    make_env.programs = programs
    make_env.checkout = tmp_path
    return make_env


def add_program(make_env, name, line):
    program = make_env.programs / name
    program.write_text(f'#!{shutil.which("bash")}\n{line}\n')
    program.chmod(0o755)


def test_without_python_3_11_it_says_which_packages_bring_it(bare_machine):
    add_program(bare_machine, 'python3', 'exit 1')
    result = bare_machine()
    assert result.returncode != 0
    assert 'no Python 3.11 found' in result.stderr
    assert 'python3.11-dev' in result.stderr


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason='the set-up is for 3.11')
def test_everything_missing_is_named_before_anything_is_made(bare_machine):
    add_program(bare_machine, 'python3.11', f'exec "{sys.executable}" "$@"')
    result = bare_machine()
    assert result.returncode != 0
    for package in ('git', 'g++'):
        assert f'package {package}' in result.stderr
    assert not (bare_machine.checkout / '.venv').exists()


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason='the set-up is for 3.11')
def test_missing_modules_and_headers_of_python_are_named(bare_machine):
    """A Python whose every question but the one for its version is answered no."""
    for name in ('git', 'c++', 'g++'):
        add_program(bare_machine, name, 'exit 0')
    add_program(bare_machine, 'python3.11', '[[ $2 == *version_info* ]]')
    result = bare_machine()
    assert result.returncode != 0
    for package in ('python3.11-venv', 'python3.11-dev'):
        assert f'package {package}' in result.stderr
    for package in ('git', 'g++'):
        assert f'package {package}' not in result.stderr
