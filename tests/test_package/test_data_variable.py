# SPDX-License-Identifier: Apache-2.0
"""A run that has the real data may not pass by skipping the tests that need it."""

import shutil

import pytest

NEEDS_DATA = 'def test_it(coco_mini): pass'
SKIPS_BY_ITSELF = """
import pytest

@pytest.mark.skip(reason='needs CENTERGROUP_TEST_DATA')
def test_it(): pass

def test_other(): pass
"""


@pytest.fixture
def run_suite(repo_root, run_cli, tmp_path):
    """Run a suite of one file beside this project's conftest."""
    shutil.copy(repo_root / 'tests' / 'conftest.py', tmp_path)

    def run(test, data):
        (tmp_path / 'test_one.py').write_text(test)
        command = ['python', '-m', 'pytest', '-rs', '-p', 'no:cacheprovider', tmp_path]
        env = {'CENTERGROUP_TEST_DATA': str(data)}
        return run_cli(command, cwd=tmp_path, env=env, check=False)

    return run


def test_without_data_tests_are_skipped_with_a_message(run_suite):
    result = run_suite(NEEDS_DATA, '')
    assert result.returncode == 0
    assert 'needs real data: set CENTERGROUP_TEST_DATA' in result.stdout


def test_with_data_they_run(run_suite, tmp_path):
    (tmp_path / 'data/coco_mini').mkdir(parents=True)
    result = run_suite(NEEDS_DATA, tmp_path)
    assert result.returncode == 0
    assert '1 passed' in result.stdout


@pytest.mark.parametrize('data', ['.', 'no_such_folder'])
def test_with_incomplete_data_they_fail(run_suite, tmp_path, data):
    result = run_suite(NEEDS_DATA, tmp_path / data)
    assert result.returncode != 0
    assert 'skipped' not in result.stdout.splitlines()[-1]


def test_with_data_a_skip_for_want_of_it_fails_the_run(run_suite, tmp_path):
    assert run_suite(SKIPS_BY_ITSELF, '').returncode == 0
    result = run_suite(SKIPS_BY_ITSELF, tmp_path)
    assert result.returncode != 0
    assert 'skipped for want of data: test_one.py' in result.stdout
