# SPDX-License-Identifier: Apache-2.0
"""A training resumes from whatever a file holds, or says what is wrong with it."""

from copy import deepcopy

import pytest
import torch

from centergroup_mm.checkpoint_files import CheckpointFileError
from centergroup_mm.engine.random_states import get_random_states
from centergroup_mm.engine.training_state import check_training_state

from .one_number import OneNumber, make_runner

GIANT = torch.zeros(1).expand(10**10)
RANDOM = {
    'no position': dict(numpy_position=None),
    'position beyond the key': dict(numpy_position=625),
    'position before the key': dict(numpy_position=-1),
    'position that is a truth': dict(numpy_position=True),
    'short key': dict(numpy=torch.zeros(3, dtype=torch.int64)),
    'key of fractions': dict(numpy=torch.zeros(624)),
    'key of other bits': dict(numpy=torch.full((624,), 2**32)),
    'giant key': dict(numpy=torch.zeros(1, dtype=torch.int64).expand(10**10)),
    "giant of Python's": dict(python=torch.zeros(1, dtype=torch.int64).expand(10**10)),
    "numbers of Python's below 0": dict(python=torch.full((625,), -1)),
    "index of Python's": dict(python=torch.full((625,), 2**32 - 1)),
    "version of Python's": dict(python_version=9),
    "gauss of Python's": dict(python_gauss='x'),
    "ones as torch's": dict(torch=torch.ones(5056, dtype=torch.uint8)),
    "fractions as torch's": dict(torch=torch.ones(5056)),
    "short one of torch's": dict(torch=torch.ones(9, dtype=torch.uint8)),
    "no tensor as the GPU's": dict(cuda=5),
    "a giant as the GPU's": dict(cuda=torch.zeros(1, dtype=torch.uint8).expand(10**10)),
}
OTHERS = {
    'number': 5,
    'nothing': {},
    'random is a number': dict(random=5, gradients={}),
    'a rank is a number': dict(random=[5], gradients={}),
    'no gradients': dict(random=[]),
    'gradients are a list': dict(random=[], gradients=[]),
    'giant gradient': dict(random=[], gradients={'number': GIANT}),
    'gradient of text': dict(random=[], gradients={'number': 'x'}),
    'gradient of bytes': dict(random=[], gradients={'number': torch.ones(1).byte()}),
}


def odd_states() -> dict:
    random = {
        name: dict(random=[{**get_random_states(), **change}], gradients={})
        for name, change in RANDOM.items()
    }
    return {**random, **OTHERS}


@pytest.mark.parametrize('kind', [*RANDOM, *OTHERS])
def test_an_odd_state_is_refused_in_one_line(kind):
    with pytest.raises(CheckpointFileError, match=r'^a\.pth has a state') as raised:
        check_training_state(odd_states()[kind], OneNumber(), 'a.pth')
    assert '\n' not in str(raised.value)


def test_what_is_saved_is_accepted():
    gradients = {'number': torch.ones(1), 'of another model': torch.ones(7)}
    state = dict(random=[get_random_states()] * 2, gradients=gradients)
    check_training_state(state, OneNumber(), 'a.pth')


def test_a_training_looks_at_the_state_before_it_uses_it(tmp_path):
    make_runner(tmp_path / 'work', 1).train()
    good = torch.load(tmp_path / 'work' / 'iter_1.pth', weights_only=False)

    def resume(change: dict) -> None:
        content = deepcopy(good)
        content['meta'].update(change)
        torch.save(content, tmp_path / 'a.pth')
        runner = make_runner(tmp_path / 'work', 2, resume=True)
        runner._load_from = str(tmp_path / 'a.pth')
        runner.train()

    states = {**get_random_states(), 'numpy_position': 10**9}
    odd = dict(random=[states], gradients={})
    with pytest.raises(CheckpointFileError, match=r'a\.pth .*numpy_position'):
        resume(dict(training_state=odd))
    with pytest.raises(CheckpointFileError, match=r'a\.pth has iter 999.* ends at 2'):
        resume(dict(iter=10**12 - 1))
    resume({})
