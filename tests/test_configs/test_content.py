# SPDX-License-Identifier: Apache-2.0
"""The configs hold the values that their sources state.

Nobody trains COCO to find out whether a weight is wrong, so each value is held here.
``tests/mutate_configs.py`` breaks every one of them and expects red.
"""

import pytest

from .checks import checks_of
from .reading import CONFIG_FOLDER, Built
from .sources import ALL, VALUES


def test_every_config_of_full_size_is_in_the_table():
    """Except recipes of our own, of which no source says anything."""
    names = {path.stem for path in CONFIG_FOLDER.glob('*.py')}
    kinds = ('tiny', 'ap10k', 'plus')
    own = {name for name in names if any(kind in name for kind in kinds)}
    assert names - own == set(ALL)


@pytest.mark.parametrize('name', ALL)
def test_values_are_those_of_the_sources(name):
    built = Built.read(name)
    wrong = [error for check in checks_of(name).values() if (error := check(built))]
    assert wrong == []


def test_every_row_is_checked_under_a_name_of_its_own():
    for name in ALL:
        rows = [row.path for row in VALUES if name in row.configs]
        assert len(rows) == len(set(rows))
        assert set(rows) <= set(checks_of(name))
