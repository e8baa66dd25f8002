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

# What every use needs. Reading and judging poses needs no more, so that the package
# installs in seconds where there is no torch.
INSTALL_REQUIRES = ['numpy']

# What some uses need, by name of the use. Here too, only what has one distribution
# name: mmcv, mmengine and mmdet also come under the names of maintained forks
# (onedl-mmcv and so on), OpenCV under four names, and mmpose needs `--no-deps`. A
# requirement on one name would install a second copy beside the one in use. `import
# centergroup_mm` checks the host's packages instead, by import name and feature;
# requirements/ pins a set that works.
_RUNTIME = ['numpy', 'onnxruntime>=1.17', 'opencv-python-headless>=4.8,<5']
EXTRAS_REQUIRE = {
    # Models, in an environment of OpenMMLab. Why torch 2.6: see centergroup_mm/host.py.
    'torch': ['packaging', 'safetensors', 'scipy', 'torch>=2.6'],
    # Error reports and curves without the host, which brings all of it. The wheel of
    # xtcocotools, which measures AP, is built for numpy 1.
    'report': ['jinja2', 'matplotlib', 'numpy<2', 'scipy', 'xtcocotools'],
    # Exported models without torch and the host: see docs/deployment.md. OpenCV 5 gives
    # other pixels. An environment with another OpenCV gets a second one by `runtime`,
    # which fills the same folder: install onnxruntime alone there.
    'runtime': _RUNTIME,
    'demo': [*_RUNTIME, 'gradio>=5'],
    # Many images: tables, and an engine that spreads the work.
    'parquet': ['pyarrow'],
    'ray': [*_RUNTIME, 'pyarrow', 'ray[data]'],
    'export': ['onnx>=1.17', 'onnxruntime>=1.17', 'onnxscript>=0.5'],
}


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
            'py.typed',
            '.mim/model-index.yml',
            '.mim/configs/**/*.py',
            '.mim/configs/**/*.yml',
            '.mim/tools/**/*.py',
            '.mim/tools/**/*.sh',
            'lab/report/templates/*',
            'runtime/drawn_people/*',
        ]
    },
    install_requires=INSTALL_REQUIRES,
    extras_require=EXTRAS_REQUIRE,
    entry_points={
        'console_scripts': ['centergroup = centergroup_mm.command.command_line:main']
    },
    zip_safe=False,
)
