# SPDX-License-Identifier: Apache-2.0
"""Sigmas of a dataset: its metainfo's, chosen ones, or a stated default."""

import numpy as np
import pytest
from mmengine.config import Config

from centergroup_mm.datasets.sigmas import DEFAULT_SIGMA

from .conftest import METAINFO


@pytest.fixture
def no_sigmas():
    """Metainfo of five types without sigmas."""
    text = METAINFO.replace('sigmas=[0.05] * 5', 'sigmas=[]')
    assert text != METAINFO
    return Config.fromstring(text, '.py').dataset_info.to_dict()


def test_those_of_the_metainfo(build_dataset, make_content, person, warnings):
    dataset = build_dataset(make_content(person()))
    np.testing.assert_array_equal(dataset.metainfo['sigmas'], np.float32([0.05] * 5))
    assert warnings() == []


def test_none_become_a_stated_default(
    build_dataset, make_content, person, no_sigmas, warnings
):
    """Before anything is trained, for the loss and for the metric alike."""
    dataset = build_dataset(make_content(person()), metainfo=no_sigmas)
    expected = np.float32([DEFAULT_SIGMA] * 5)
    np.testing.assert_array_equal(dataset.metainfo['sigmas'], expected)
    np.testing.assert_array_equal(dataset[0]['sigmas'], expected)
    (message,) = warnings()
    assert f'five has no sigmas, by which AP judges distances: {DEFAULT_SIGMA} is' in (
        message
    )


@pytest.mark.parametrize('chosen', [0.1, [0.1] * 5])
@pytest.mark.parametrize('in_metainfo', [True, False])
def test_chosen_ones_come_first(
    build_dataset, make_content, person, no_sigmas, warnings, chosen, in_metainfo
):
    settings = {} if in_metainfo else {'metainfo': no_sigmas}
    dataset = build_dataset(make_content(person()), sigmas=chosen, **settings)
    np.testing.assert_array_equal(dataset.metainfo['sigmas'], np.float32([0.1] * 5))
    assert warnings() == []


@pytest.mark.parametrize('chosen', [0, -0.1, float('nan'), [0.1] * 4, [0.1] * 4 + [0]])
def test_chosen_ones_must_be_positive_and_one_for_each(
    build_dataset, make_content, person, chosen
):
    with pytest.raises(ValueError, match=r'five was given sigmas=.*5 of them'):
        build_dataset(make_content(person()), sigmas=chosen)
