# SPDX-License-Identifier: Apache-2.0
"""Packaging of CenterGroup for MMPose.

``centergroup_mm/.mim`` holds relative links to ``configs``, ``tools`` and
``model-index.yml``. Builds follow the links, so that a wheel carries real files
where ``mim`` looks for them, and a checkout has one copy of each.
"""

import runpy
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent

# Only what has one distribution name is required here. mmcv, mmengine and mmdet
# also come under the names of maintained forks (onedl-mmcv and so on), OpenCV
# under four names, and mmpose needs `--no-deps`: a requirement on one name would
# install a second copy beside the one in use. `import centergroup_mm` checks
# them instead, by import name and feature; requirements/ pins a set that works. Why
# torch 2.6: see centergroup_mm/host.py.
INSTALL_REQUIRES = [
    *('jinja2', 'matplotlib', 'numpy', 'packaging', 'safetensors', 'scipy'),
    'torch>=2.6',
]


def read(name: str) -> str:
    """Return the text of a file beside this one, or '' where there is none."""
    path = ROOT / name
    return path.read_text(encoding='utf-8') if path.exists() else ''


setup(
    name='centergroup_mm',
    version=runpy.run_path(str(ROOT / 'centergroup_mm' / 'version.py'))['__version__'],
    description='CenterGroup: bottom-up multi-person pose estimation for MMPose 1.x',
    long_description=read('README.md'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    python_requires='>=3.10',
    packages=find_packages(include=['centergroup_mm', 'centergroup_mm.*']),
    package_data={
        'centergroup_mm': [
            '.mim/model-index.yml',
            '.mim/configs/**/*.py',
            '.mim/configs/**/*.yml',
            '.mim/tools/**/*.py',
            '.mim/tools/**/*.sh',
            'lab/report/templates/*',
        ]
    },
    install_requires=INSTALL_REQUIRES,
    zip_safe=False,
)
