# SPDX-License-Identifier: Apache-2.0
"""What a tool is: a command, short, that answers before anything heavy is loaded."""

import subprocess
import sys

import pytest

from .loading import TOOLS

# These hand all their arguments to the host's own scripts.
HOSTS = {'test', 'train'}
# Arguments of each of our own tools that are wrong by themselves.
WRONG = {
    'adapt_checkpoint': ['a.pth', 'a.py', 'b.pth', '--same', 'head'],
    'analyze_grouping': ['--results', 'a.json'],
    'benchmark': ['--device', 'warp'],
    'benchmark_runtimes': ['a.py', 'b.pth', 'c.onnx', '--size', '700x500'],
    'compare_grouping': ['--seeds', '0'],
    'convert_checkpoint': ['a.pth', 'b.pth', '--input-size', 'large'],
    'demo': ['--slow'],
    'export_onnx': ['a.py', 'b.pth'],
    'make_crowd': ['crowd', '--workers', '0'],
    'publish_model': ['a.pth', 'b.pth', '--format', 'pickle'],
    'schedule': ['a.py', '--gpus', '0', '--images-per-gpu', '1'],
    'train_two_stage': ['missing.py'],
    'visualize': ['a.png', '--out', 'b', '--model', '', 'a', 'b', '--fade', '2'],
}


def answer(name, *arguments):
    """Run a tool with the standard library alone: no torch, no mm package."""
    command = [sys.executable, '-I', '-S', str(TOOLS / f'{name}.py'), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_every_file_is_a_command():
    names = {path.stem for path in TOOLS.rglob('*') if path.suffix != '.pyc'}
    assert names - {'__pycache__'} == HOSTS | set(WRONG)
    for name in names - {'__pycache__'}:
        lines = (TOOLS / f'{name}.py').read_text().splitlines()
        assert "if __name__ == '__main__':" in lines, name
        assert len(lines) <= 150, name


@pytest.mark.parametrize('name', WRONG)
def test_help_needs_nothing(name):
    done = answer(name, '--help')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f'usage: {name}.py')


@pytest.mark.parametrize(('name', 'arguments'), WRONG.items())
def test_wrong_arguments_need_nothing(name, arguments):
    done = answer(name, *arguments)
    assert done.returncode == 2
    assert f'{name}.py: error: ' in done.stderr


def test_what_is_blocked_cannot_be_imported():
    code = 'import torch'
    done = subprocess.run([sys.executable, '-I', '-S', '-c', code], capture_output=True)
    assert b'ModuleNotFoundError' in done.stderr
