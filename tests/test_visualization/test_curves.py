# SPDX-License-Identifier: Apache-2.0
"""Which scalars share a panel, and drawings that a page can hold."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from centergroup_mm.visualization import draw_curves, draw_curves_as_svg
from centergroup_mm.visualization.curves import curve_panels

POINTS = [(10, 3.0), (20, 1.0), (30, 0.1)]
SERIES = dict.fromkeys(
    (
        'loss',
        'loss_center',
        'center_stage1',
        'center_stage2',
        'loss_pull',
        'lr',
        'matched',
        'coco/AP',
        'coco/AP .5',
        'coco/AR',
    ),
    POINTS,
)


def test_panels():
    panels = {title: list(lines) for title, lines in curve_panels(SERIES).items()}
    assert panels == {
        'total loss': ['total'],
        'center loss': ['all', 'stage 1', 'stage 2'],
        'pull loss': ['all'],
        'average precision': ['AP', 'AP .5'],
    }


def test_drawings_for_a_page_share_no_ids_and_refer_to_their_own():
    drawings = draw_curves_as_svg(SERIES)
    assert list(drawings) == list(curve_panels(SERIES))
    ids = []
    for svg in drawings.values():
        root = ElementTree.fromstring(svg)
        assert 'width' not in root.attrib and 'viewBox' in root.attrib
        own = re.findall(r'\bid="([^"]+)"', svg)
        assert set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)) <= {
            pair for name in own for pair in ((name, ''), ('', name))
        }
        ids += own
    assert len(ids) == len(set(ids)) > 0


def test_names_of_losses_are_text_in_a_page():
    name = '"><script>&\\1 $x'
    (svg,) = draw_curves_as_svg({f'loss_{name}': POINTS}).values()
    root = ElementTree.fromstring(svg)
    assert root.attrib['aria-label'] == f'{name} loss'
    assert not root.findall('.//{*}script')


@pytest.mark.parametrize(
    'points',
    [[(5, 0.5)], [(0, 0.0)], [(1, 0.0), (2, 0.0)], [(1, float('nan')), (2, 1.0)]],
)
def test_few_and_odd_points_are_drawn(points):
    series = {'loss': points, 'coco/AP': points}
    assert draw_curves(series).startswith(b'\x89PNG')
    assert len(draw_curves_as_svg(series)) == 2


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match='neither a loss nor'):
        draw_curves({'lr': POINTS})
    assert draw_curves_as_svg({}) == {}
