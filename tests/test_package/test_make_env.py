# SPDX-License-Identifier: Apache-2.0
"""The set-up names what a machine lacks, all at once, before it makes anything."""

import shutil
import subprocess
import sys

import pytest

# What the script itself runs, and every Linux has.
ORDINARY = ['bash', 'cat', 'cksum', 'dirname', 'rm', 'uname']


@pytest.fixture
def bare_machine(repo_root, tmp_path):
    """A checkout with only the set-up, and a PATH with only ordinary programs."""
    shutil.copytree(repo_root / 'requirements', tmp_path / 'requirements')
    programs = tmp_path / 'bin'
    programs.mkdir()
    for name in ORDINARY:
        (programs / name).symlink_to(shutil.which(name))

    def make_env(**variables):
        return subprocess.run(
            ['bash', tmp_path / 'requirements' / 'make_env.sh'],
            env={'PATH': str(programs), 'HOME': str(tmp_path), **variables},
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
    assert 'python3.11-venv' in result.stderr


def test_what_the_machine_lacks_is_named_before_anything_is_made(bare_machine):
    """A Python whose every question but the one for its version is answered no."""
    add_program(bare_machine, 'python3.11', '[[ $2 == *version_info* ]]')
    result = bare_machine()
    assert result.returncode != 0
    assert 'package python3.11-venv' in result.stderr
    if sys.platform == 'linux':
        assert 'package libgl1' in result.stderr
    assert not (bare_machine.checkout / '.venv').exists()


def test_no_compiler_no_headers_and_no_git_are_asked_for(bare_machine):
    """It goes on to make the environment, which this Python cannot."""
    line = '[[ "$*" == *"-m venv"* ]] && echo "made $*" && exit 3; exit 0'
    add_program(bare_machine, 'python3.11', line)
    result = bare_machine()
    assert 'lacks' not in result.stderr
    assert 'made -m venv' in result.stdout


def test_operators_are_wanted_or_not(bare_machine):
    result = bare_machine(OPS='yes')
    assert result.returncode != 0
    assert "OPS is 'yes'; expected 1" in result.stderr
