# SPDX-License-Identifier: Apache-2.0
"""Distributed runs on CPUs: join the processes before the host does.

The host's ``--launcher pytorch`` takes a GPU for every process. It leaves processes
that have joined already as they are, so a config that names this module among its
``custom_imports`` runs on CPUs, see docs/distributed.md.
"""

import os

import torch.distributed as dist

LAUNCHER_VARIABLES = ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')


def join_by_gloo() -> None:
    """Join the processes that ``torchrun`` has started, without GPUs.

    Does nothing in a process that no launcher has started, or that has joined.
    """
    launched = all(name in os.environ for name in LAUNCHER_VARIABLES)
    if launched and not dist.is_initialized():
        dist.init_process_group('gloo')


join_by_gloo()
