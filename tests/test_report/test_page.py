# SPDX-License-Identifier: Apache-2.0
"""Pages stand alone, fit every window, and show text from files as text."""

import dataclasses
import re
import shutil

import cv2
import numpy as np
import pytest

from centergroup_mm.coco import load_poses
from centergroup_mm.lab.report import (
    Section,
    curves_section,
    error_sections,
    page,
    pictures_section,
    precision_section,
    report_errors,
)

from .browser import open_page

HOSTILE = '<script>alert(1)</script>"onerror="x.jpg'


@pytest.fixture(scope='module')
def written(tested, tmp_path_factory):
    """A page with every kind of section, with a hostile file name, and its folder."""
    folder = tmp_path_factory.mktemp('page')
    images = folder / 'images'
    shutil.copytree(tested.images, images)
    poses = load_poses(tested.results, tested.truth)
    meta = tested.metainfo

    def report(truth):
        arguments = meta['sigmas'], meta['flip_indices'], tested.iou_type
        return report_errors(truth, poses, *arguments)

    worst = report(tested.truth).worst[0].image
    renamed = dataclasses.replace(worst, file_name=HOSTILE)
    changed = tested.truth.images | {worst.image_id: renamed}
    truth = dataclasses.replace(tested.truth, images=changed)
    # A slash cannot be part of a file's name: this image is missing.
    sections = [
        precision_section({'A & B': dict(AP=0.5), '<C>': dict(AP=0.1)}, ['AP'], 'x'),
        curves_section({'loss': [(1, 2.0), (2, 1.0)], 'coco/AP': [(2, 0.5)]}),
        pictures_section(
            'Pictures', 'y', [([np.zeros((32, 48, 3), np.uint8)] * 3, 'z')], 'abc'
        ),
        *error_sections(report(truth), images, meta['skeleton_links']),
    ]
    path = folder / 'report.html'
    path.write_text(page(f'Title {HOSTILE}', 'lead', sections))
    return path, folder


def test_it_refers_to_nothing_outside(written):
    text = written[0].read_text()
    references = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert references
    assert all(value.startswith(('data:', '#')) for value in references)
    assert '@import' not in text and 'url(' not in re.sub(r'url\(#', '', text)
    assert '<script' not in text


def test_text_is_escaped_and_drawings_are_not():
    made = page(
        'a<b',
        '"',
        [
            precision_section({'<i>': {'1&2': 7.0}, '': {'1&2': -1.0}}, ['1&2'], '5>4'),
            pictures_section('<h>', '', [([np.zeros((8, 8, 3))], '"<')], ['']),
            curves_section({'loss': [(1, 2.0), (2, 1.0)]}),
            Section('t', 'tiles.html', dict(tiles=[('<b>', '&')])),
        ],
    )
    for part in ('a&lt;b', '&lt;i&gt;', '1&amp;2', '5&gt;4', '&lt;h&gt;', '&lt;b&gt;'):
        assert part in made
    assert 'alt="&#34;&lt;; "' in made
    assert '<i>' not in made and '<b>' not in made and '<h>' not in made
    assert '<svg' in made and '&lt;svg' not in made
    assert 'width:100.0%' in made and 'width:0.0%' in made


@pytest.mark.parametrize('width', [400, 1280])
def test_in_a_browser(written, width):
    path, folder = written
    found = open_page(path, width, folder)
    assert found['width'] == width
    assert found['scrollWidth'] <= width
    assert found['requests'] == [] and found['scripts'] == 0
    # Five of the six worst images can be read, each has two pictures.
    assert len(found['images']) == 3 + 2 * 5
    assert all(found['images'])
    assert found['headings'][0] == f'Title {HOSTILE}'
    assert 'What costs AP' in found['headings']
    assert f'{HOSTILE}, cost' in found['text']
    assert '(the image was not found)' in found['text']
    assert 'A & B' in found['text'] and '<C>' in found['text']


def test_without_images_there_are_numbers(tested):
    poses = load_poses(tested.results, tested.truth)
    report = report_errors(
        tested.truth, poses, tested.metainfo['sigmas'], tested.metainfo['flip_indices']
    )
    text = page('t', '', error_sections(report, None, []))
    assert '<img' not in text and 'the image was not found' in text


@pytest.mark.parametrize('kind', ['gray', 'alpha', 'tiny', 'strip', 'broken'])
def test_odd_images(tested, tmp_path, kind):
    poses = load_poses(tested.results, tested.truth)
    report = report_errors(
        tested.truth,
        poses,
        tested.metainfo['sigmas'],
        tested.metainfo['flip_indices'],
        num_worst=1,
    )
    pixels = {
        'gray': np.zeros((96, 96), np.uint8),
        'alpha': np.zeros((96, 96, 4), np.uint8),
        'tiny': np.zeros((1, 300, 3), np.uint8),
        'strip': np.zeros((2, 3000, 3), np.uint8),
        'broken': None,
    }[kind]
    name = report.worst[0].image.file_name
    content = b'no image'
    if pixels is not None:
        content = cv2.imencode('.png', pixels)[1].tobytes()
    (tmp_path / name).write_bytes(content)
    links = tested.metainfo['skeleton_links']
    text = page('t', '', error_sections(report, tmp_path, links))
    assert text.count('<img') == (0 if kind == 'broken' else 2)


def test_the_browser_notices_what_a_page_must_not_do(tmp_path):
    path = tmp_path / 'bad.html'
    path.write_text(
        '<img src="http://127.0.0.1:9/x.png"><img src="data:image/jpeg;base64,AAAA">'
        '<div style="width: 3000px">wide</div><script></script>'
    )
    found = open_page(path, 400, tmp_path)
    assert found['requests'] == ['http://127.0.0.1:9/x.png']
    assert found['images'] == [0, 0]
    assert found['scrollWidth'] > 3000 and found['scripts'] == 1
