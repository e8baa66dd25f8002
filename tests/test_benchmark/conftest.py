# SPDX-License-Identifier: Apache-2.0
"""Models to be measured."""

import pytest

from centergroup_mm.lab.benchmark import Method, Settings


@pytest.fixture
def build_tiny(repo_root):
    """A tiny CenterGroup with config values by name, and a sample of 64 x 64."""

    def make(overrides):
        settings = Settings(size=(64, 64))
        path = str(repo_root / 'configs' / 'centergroup_tiny.py')
        method = Method(path, settings, overrides)
        method.show(3)
        return method.model, method.samples

    return make
