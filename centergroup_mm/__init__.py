# SPDX-License-Identifier: Apache-2.0
"""CenterGroup as a plug-in of MMPose 1.x.

One line in a config, ``custom_imports = dict(imports=['centergroup_mm'])``, checks
the host's versions, lets mmengine read its own checkpoints safely and registers
every module of this package in MMPose's registries. Without mmengine nothing of that
is imported, and what needs no host works alone.
"""

from .host import check_host, host_is_installed
from .version import __version__

__all__ = ['__version__', 'check_host']

if host_is_installed():
    check_host()

    # Registration: importing a sub-package puts its modules into the registries.
    from . import codecs, datasets, engine, losses, models, task_modules, visualization
    from .engine.checkpoint_safety import allow_own_checkpoints

    # Reading must be safe from the first checkpoint on, wherever it is read.
    allow_own_checkpoints()

    __all__ += [
        'codecs',
        'datasets',
        'engine',
        'losses',
        'models',
        'task_modules',
        'visualization',
    ]
