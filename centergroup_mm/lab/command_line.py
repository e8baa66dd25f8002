# SPDX-License-Identifier: Apache-2.0
"""What several command lines share: how they end and show progress."""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator

from rich.console import Console
from rich.progress import track


def run_tool(
    name: str, work: Callable[[], None], interrupted: str = 'interrupted'
) -> int:
    """Do a tool's work, and say how it ended.

    Args:
        name (str): Of the tool, for messages.
        work (Callable): What it does.
        interrupted (str): What to say after Ctrl-C.

    Returns:
        int: 0, done; 1, failed, the error being told in a line; 130, interrupted. A
        polite kill ends the process with 143, the end of its terminal with 129.
    """
    # Both unwind as Ctrl-C does: files are closed, nothing goes on in the background.
    for name_of_signal in ('SIGTERM', 'SIGHUP'):
        number = getattr(signal, name_of_signal, None)
        # Under nohup it is ignored, and shall be.
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        work()
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        print(f'{name}: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f'{name}: {interrupted}', file=sys.stderr)
        return 130
    return 0


def progress_bar(title: str) -> Callable[[Iterable, int], Iterator]:
    """A progress bar on standard error, as results go to standard output.

    Args:
        title (str): What is done.

    Returns:
        Callable: Takes what is worked on and its number, and iterates over it.
    """

    def show(items: Iterable, total: int) -> Iterator:
        return track(items, title, total=total, console=Console(stderr=True))

    return show
