# SPDX-License-Identifier: Apache-2.0
"""Changes good files at random and takes them along the routes.

    python tests/test_checkpoint_files/fuzz.py FOLDER --mutations 3000 --seed 0

Prints a line of figures for each route and writes them to FOLDER/fuzz.json. The same
seed makes the same files; ``--first`` with ``--mutations 1`` repeats one.
"""

import argparse
import io
import json
import os
import random
import resource
import signal
import struct
import zipfile
from collections import Counter
from pathlib import Path

import safetensors.torch
import sandbox
import torch
from kinds import released_weights, saved
from routes import Routes

from centergroup_mm.checkpoint_files import read_checkpoint

ROUTES = ('reader', 'load_from', 'resume', 'convert', 'publish', 'train_once')
# Mutations in one process; what one leaves behind does not reach the others for long.
BATCH = 25
TIME_LIMIT = 60
# Numbers that programs get wrong, and instructions of pickles.
NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
INSTRUCTIONS = b'(.012FIJKLMNPQRSTUVXabcdeghijlopqrstu}\x80\x81\x82\x85\x86\x87\x88\x89'


def good_files(content: dict, route: str) -> list[bytes]:
    """Files of each format that the route takes without complaint."""
    if route == 'convert':
        content = {'state_dict': released_weights(content)}
    elif route != 'resume':
        # Without the moments of the weights it goes three times as fast.
        content = {k: part for k, part in content.items() if k != 'optimizer'}
    weights = {key: w.contiguous() for key, w in content['state_dict'].items()}
    return [
        saved(content),
        saved(content, _use_new_zipfile_serialization=False),
        saved(content, pickle_protocol=4),
        safetensors.torch.save(weights),
    ]


def mutate(good: list[bytes], rng: random.Random) -> bytes:
    """A file with one to eight changes."""
    whole = rng.choice(good)
    if whole.startswith(b'PK') and rng.random() < 0.6:
        # With correct checksums, as only intent makes it.
        return _with_mutated_pickle(whole, rng)
    # The structure is at the ends.
    part = rng.choice((200, 20_000, len(whole)))
    if rng.random() < 0.5:
        return bytes(_change(bytearray(whole[:part]), rng)) + whole[part:]
    return whole[:-part] + bytes(_change(bytearray(whole[-part:]), rng))


def _with_mutated_pickle(whole: bytes, rng: random.Random) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(whole)) as source,
        zipfile.ZipFile(stream, 'w') as target,
    ):
        for name in source.namelist():
            record = source.read(name)
            if name.endswith('data.pkl'):
                record = bytes(_change(bytearray(record), rng))
            target.writestr(name, record)
    return stream.getvalue()


def _change(content: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.randint(1, 8)):
        if not content:
            return content
        place = rng.randrange(len(content))
        length = min(rng.choice((1, 1, 2, 4, 8, 60, 4000)), len(content) - place)
        match rng.randrange(7):
            case 0:
                content[place] ^= 1 << rng.randrange(8)
            case 1:
                content[place] = rng.randrange(256)
            case 2:
                del content[place : place + length]
            case 3:
                content[place:place] = content[place : place + length]
            case 4:
                number = struct.pack('<Q', rng.choice(NUMBERS))[: rng.choice((4, 8))]
                content[place : place + len(number)] = number
            case 5:
                content[place] = rng.choice(INSTRUCTIONS)
            case 6:
                other = rng.randrange(len(content))
                content[place : place + length] = content[other : other + length]
    return content


def run_batch(routes: Routes, route: str, files, first: int, seed: int, stop: int):
    """Yield how each ended: in a child, which may die."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, 'w') as pipe:
            _in_child(routes, route, files, first, seed, stop, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        yield from (json.loads(line) for line in pipe)
    _, status, _ = os.wait4(child, 0)
    if os.WIFSIGNALED(status):
        hang = os.WTERMSIG(status) == signal.SIGALRM
        yield dict(ended='hang' if hang else 'crash', over=0, message='')


def _in_child(routes, route, files, first, seed, stop, pipe) -> None:
    output = os.open(routes.folder / 'printed.txt', os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    go = routes.all()[route]
    path = routes.folder / 'mutated.pth'
    start = sandbox.resident_bytes()
    for index in range(first, stop):
        content = mutate(files, random.Random(f'{seed} {route} {index}'))
        path.write_bytes(content)
        signal.alarm(TIME_LIMIT)
        ended, message = _end_of(lambda: go(path), routes.expected_errors)
        signal.alarm(0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - start
        print(
            json.dumps(
                dict(ended=ended, peak=peak, size=len(content), message=message)
            ),
            file=pipe,
            flush=True,
        )


def _end_of(work, expected_errors) -> tuple[str, str]:
    try:
        work()
    except expected_errors as error:
        return 'refused', str(error)
    except SystemExit as error:
        return {0: 'taken', 1: 'refused'}.get(error.code, 'raw'), ''
    except BaseException as error:
        return 'raw', f'{type(error).__name__}: {str(error)[:300]}'
    return 'taken', ''


def fuzz(routes: Routes, route: str, mutations: int, seed: int, first: int = 0) -> dict:
    """Take so many mutations along one route; returns figures."""
    files = good_files(read_checkpoint(routes.good), route)
    canary = routes.folder / 'canary'
    counts, raw, peak, index = Counter(), [], 0, first
    while index < first + mutations:
        stop = min(index + BATCH, first + mutations)
        for result in run_batch(routes, route, files, index, seed, stop):
            counts[result['ended']] += 1
            peak = max(peak, result.get('peak', 0))
            if result['ended'] in ('raw', 'crash', 'hang'):
                raw.append([index, result['ended'], result['message']])
            index += 1
    return dict(
        route=route,
        mutations=mutations,
        seed=seed,
        peak_bytes=peak,
        largest_file=max(map(len, files)),
        code=int(canary.exists()),
        faults=raw,
        **{name: counts[name] for name in ('taken', 'refused', 'raw', 'crash', 'hang')},
    )


def main() -> None:
    """Fuzz by the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--mutations', type=int, default=300, help='for each route')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--routes', nargs='+', choices=ROUTES, default=ROUTES)
    parser.add_argument('--first', type=int, default=0, help='index of the first')
    args = parser.parse_args()
    torch.set_num_threads(1)
    routes = Routes(args.folder)
    (args.folder / 'out').mkdir()
    figures = []
    for route in args.routes:
        figures.append(fuzz(routes, route, args.mutations, args.seed, args.first))
        print({key: v for key, v in figures[-1].items() if key != 'faults'}, flush=True)
        for fault in figures[-1]['faults'][:20]:
            print('  ', *fault, flush=True)
    (args.folder / 'fuzz.json').write_text(json.dumps(figures, indent=1))


if __name__ == '__main__':
    main()
