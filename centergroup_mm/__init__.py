# SPDX-License-Identifier: Apache-2.0
"""CenterGroup as a plug-in of MMPose 1.x.

One line in a config, ``custom_imports = dict(imports=['centergroup_mm'])``, checks
the host's versions, lets mmengine read its own checkpoints safely and registers
every module of this package in MMPose's registries. Without mmengine nothing of that is
imported: :mod:`centergroup_mm.runtime` runs exported models where there is no torch.
"""

from importlib.util import find_spec

from .version import __version__

__all__ = ['__version__']

if find_spec('mmengine'):
    from .host import check_host

    check_host()

    # Registration: importing a sub-package puts its modules into the registries.
    from . import codecs, datasets, engine, losses, models, task_modules, visualization

    __all__ += [
        'check_host',
        'codecs',
        'datasets',
        'engine',
        'losses',
        'models',
        'task_modules',
        'visualization',
    ]
