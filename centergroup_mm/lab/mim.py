# SPDX-License-Identifier: Apache-2.0
"""Running ``mim``, and showing the progress in place of its log."""

import os
import re
import shlex
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# A line of the host's log, such as "Iter(train) [ 20/2000]  ... eta: 0:14:10 ...".
_PROGRESS = re.compile(r'\((\w+)\)\s*\[\s*(\d+)/(\d+)\].*?eta: (\S+)(.*? loss: (\S+))?')
# The last line of a traceback, of an error that this package tells users of.
_OWN_ERROR = re.compile(r'centergroup_mm(?:\.\w+)*: (?P<message>.+)')
# What ProgressPicturesHook logs.
_PICTURES = re.compile(r'Poses after \d+ iterations: .*')

# Small pieces of memory come and go all the time; without these glibc returns every
# large one to the system and a CPU step takes half as long again.
ALLOCATOR = {
    'MALLOC_MMAP_THRESHOLD_': '2000000000',
    'MALLOC_TRIM_THRESHOLD_': '2000000000',
}

# Ends a group of processes when its standard input ends, as it does when the process
# that holds the other end is gone, whatever ended that.
_WATCH = """
import os, signal, sys, time
sys.stdin.buffer.read()
for number in (signal.SIGTERM, signal.SIGKILL):
    try:
        os.killpg(int(sys.argv[1]), number)
    except ProcessLookupError:
        break
    time.sleep(2)
"""


class CommandFailed(RuntimeError):
    """A command ended with an error; the message holds its last lines."""


def run_mim(arguments: Sequence[object]) -> None:
    """Run ``mim`` of this environment and show how far it is.

    The command is printed as one would type it. It ends with this process, whatever
    ends that.

    Args:
        arguments (Sequence[object]): What follows ``mim`` on the command line.

    Raises:
        CommandFailed: If it does not end well. The message is this package's own, if
            an error of it was the reason, and else what was printed last.
    """
    command = ['mim', *map(str, arguments)]
    print(f'$ {shlex.join(command)}', flush=True)
    search_path = [str(Path(sys.executable).parent), os.environ.get('PATH', '')]
    process = subprocess.Popen(
        command,
        env=ALLOCATOR | os.environ | {'PATH': os.pathsep.join(search_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A group of its own: mim starts further processes, which must end with it.
        start_new_session=True,
    )
    last_lines = deque(maxlen=40)
    estimate_is_due = True
    with ended_with_this_process(process):
        for line in process.stdout:
            last_lines.append(line)
            if estimate_is_due and (estimate := describe_estimate(line)):
                print(f'  {estimate}', flush=True)
                estimate_is_due = False
            if progress := describe_progress(line):
                print(f'  {progress}', flush=True)
        code = process.wait()
    if code:
        ended = f'mim {arguments[0]} ended with exit code {code}'
        # mim's own traceback stands below it.
        own = [found for line in last_lines if (found := _OWN_ERROR.match(line))]
        if own:
            raise CommandFailed(f'{ended}: {own[-1]["message"]}')
        raise CommandFailed(f'{ended}. Its last lines:\n' + ''.join(last_lines))


@contextmanager
def ended_with_this_process(process: subprocess.Popen) -> Iterator[None]:
    """End a process and all that it has started when the block or this process ends.

    Args:
        process (subprocess.Popen): It must lead a group of its own.
    """
    watch = subprocess.Popen(
        [sys.executable, '-I', '-c', _WATCH, str(process.pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        if process.poll() is None:
            watch.stdin.close()
            process.wait()
        else:
            watch.kill()
        watch.wait()


def describe_progress(line: str) -> str | None:
    """What a line of the host's log says of the progress, if anything."""
    if pictures := _PICTURES.search(line):
        return pictures[0].rstrip()
    found = _PROGRESS.search(line)
    if not found:
        return None
    mode, done, total, eta, _, loss = found.groups()
    text = f'{mode} {done}/{total}, {eta} left'
    return f'{text}, loss {float(loss):.3f}' if loss else text


def describe_estimate(line: str) -> str | None:
    """How long a training will take, by a line of the host's log, if it says so."""
    found = _PROGRESS.search(line)
    if not found or found[1] != 'train':
        return None
    _, done, total, eta, *_ = found.groups()
    return (
        f'This machine needs {eta} (h:mm:ss) for the remaining '
        f'{int(total) - int(done)} iterations, by the pace of the first {done}.'
    )


def shown(path: Path) -> Path:
    """A path as short as it can be from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
