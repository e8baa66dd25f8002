# SPDX-License-Identifier: Apache-2.0
"""Pickles of a few bytes that would take for ever, each refused at once.

They run in a process of their own, which is ended by the kernel if one does not end.
"""

import os
import signal
import struct

import pytest
import torch

from centergroup_mm.checkpoint_files import CheckpointFileError, read_checkpoint

from .kinds import saved, zipped

# A tuple of 2^60 parts, by reference, left on the stack.
GIANT = b')' + b'q\x00h\x00\x86' * 60


def _text(text: str) -> bytes:
    return b'X' + struct.pack('<I', len(text)) + text.encode()


def giant_as_module() -> bytes:
    return zipped(b'\x80\x04' + GIANT + _text('name') + b'\x93.')


def giant_as_name() -> bytes:
    return zipped(b'\x80\x04' + _text('module') + GIANT + b'\x93.')


def long_name() -> bytes:
    return zipped(b'\x80\x04' + _text('module') + _text('n' * 1001) + b'\x93.')


def giant_as_key_of_data() -> bytes:
    """In torch's first format the list of keys follows the content."""
    whole = saved({'w': torch.ones(1)}, _use_new_zipfile_serialization=False)
    start = whole.rindex(b'\x80\x02]')
    return whole[:start] + b'\x80\x02]' + GIANT + b'a.'


def _with_key(key: object) -> bytes:
    return saved({'state_dict': {'w': torch.ones(1)}, 'other': {key: 1}})


FILES = {
    'module of a name': (giant_as_module, 'by what is no name'),
    'name': (giant_as_name, 'by what is no name'),
    'long name': (long_name, 'by what is no name'),
    'key of data': (giant_as_key_of_data, 'lacks the data'),
    'key of five parts': (lambda: _with_key((1, 2, 3, 4, 5)), 'a key of 5 parts'),
    'key with a great number': (lambda: _with_key((1, 2**16)), 'type int.* below'),
    'key with a fraction': (lambda: _with_key((1, 0.5)), 'type float.* below'),
}


@pytest.mark.parametrize('kind', FILES)
@pytest.mark.parametrize('stand_ins', [False, True])
def test_is_refused_at_once(tmp_path, kind, stand_ins):
    write, message = FILES[kind]
    (tmp_path / 'a.pth').write_bytes(write())
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        code = 1
        try:
            with pytest.raises(CheckpointFileError, match=message):
                read_checkpoint(tmp_path / 'a.pth', stand_ins=stand_ins)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.parametrize('key', [(1, 2, 3, -4), ('a', 2), (None, True), 0.5, 2**40])
def test_keys_of_ordinary_files_are_read(tmp_path, key):
    (tmp_path / 'a.pth').write_bytes(_with_key(key))
    assert read_checkpoint(tmp_path / 'a.pth')['other'] == {key: 1}
