# SPDX-License-Identifier: Apache-2.0
"""Doing something in a process of its own, and telling how it ended."""

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch

# A forked child has none of its parent's threads: work that is handed to them would
# never be done.
torch.set_num_threads(1)
cv2.setNumThreads(0)


@dataclass
class Outcome:
    """How it ended.

    Attributes:
        ended (str): ``ok``, ``error`` (of a kind that users may see), ``raw`` (any
            other error), ``exit CODE`` or ``signal NUMBER``; SIGALRM means a hang.
        message (str): Of the error, or what was printed.
        extra_bytes (int): Memory at the peak beyond that at the begin.
    """

    ended: str
    message: str
    extra_bytes: int


def resident_bytes() -> int:
    pages = Path('/proc/self/statm').read_text().split()[1]
    return int(pages) * resource.getpagesize()


def run(
    work: Callable[[], object],
    expected: tuple[type[BaseException], ...],
    printed: Path,
    time_limit: int = 120,
) -> Outcome:
    """Fork, work, and report.

    Args:
        work (Callable): What to do; it sees the state of this process, which stays
            as it is.
        expected (tuple): Errors that users may see.
        printed (Path): File for what it prints.
        time_limit (int): Seconds until it counts as hanging.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _in_child(work, expected, printed, time_limit, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        report = pipe.read()
    _, status, usage = os.wait4(child, 0)
    if not report:
        how = (
            f'signal {os.WTERMSIG(status)}'
            if os.WIFSIGNALED(status)
            else (f'exit {os.WEXITSTATUS(status)}')
        )
        return Outcome(how, printed.read_text(errors='replace')[-2000:], 0)
    start, ended, message = json.loads(report)
    return Outcome(ended, message, usage.ru_maxrss * 1024 - start)


def _in_child(work, expected, printed, time_limit, writing) -> None:
    start, ended, message = resident_bytes(), 'ok', ''
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(time_limit)
        output = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        work()
    except expected as error:
        ended, message = 'error', str(error)
    except SystemExit as error:
        ended = f'exit {error.code}'
    except BaseException as error:
        ended = 'raw'
        message = ''.join(traceback.format_exception(error))[-2000:]
    if ended.startswith('exit'):
        sys.stderr.flush()
        message = printed.read_text(errors='replace')
    os.write(writing, json.dumps([start, ended, message]).encode())
    os._exit(0)
