# SPDX-License-Identifier: Apache-2.0
"""The benchmark's command line on tiny models; no assertion is about a time."""

import json
import logging

import cv2
import pytest

from centergroup_mm import mmcv_without_operators
from centergroup_mm.lab.benchmark import DTYPES
from centergroup_mm.lab.benchmark.part_timer import PARTS
from centergroup_mm.lab.benchmark.training import DETECTOR, WHOLE, WITH_RESIDUAL

from .loading import load_tool

benchmark = load_tool('benchmark')
SPREAD = {'median', 'low', 'high', 'runs'}


@pytest.fixture(scope='module')
def quick(repo_root, run_cli, tmp_path_factory):
    """The result of --quick with few runs, what was printed, and the picture."""
    folder = tmp_path_factory.mktemp('benchmark')
    printed = run_cli(
        ['python', repo_root / 'tools' / 'benchmark.py', '--quick']
        + ['--runs', '1', '--network-runs', '1', '--warm-up', '0']
        + ['--json', 'result.json', '--plot', 'people.png'],
        cwd=folder,
        timeout=300,
    ).stdout
    result = json.loads((folder / 'result.json').read_text())
    return result, printed, cv2.imread(str(folder / 'people.png'))


def test_json_says_what_was_measured_and_on_what(quick):
    result, _, _ = quick
    assert {'processor', 'threads', 'torch', 'mmpose'} <= set(result['machine'])
    assert '--quick' in result['command']
    for key in ('times', 'times_after_network'):
        pairs = {(row['method'], row['people']) for row in result[key]}
        names = ('centergroup_tiny', 'higherhrnet_tiny', 'centernet_tiny')
        assert pairs == {(name, count) for name in names for count in (1, 30)}
        for row in result[key]:
            for name in PARTS:
                assert set(row['times'][name]) == SPREAD
    for row in result['memory']:
        assert row['bytes'] > 0
    (training,) = result['training']
    assert set(training['steps']) == {WHOLE, DETECTOR, WITH_RESIDUAL}
    assert len(result['loading']) == 3
    for row in result['loading']:
        assert row['images_per_second'] > 0
        assert 'GenerateTarget' in row['transforms']


def test_tables_and_picture(quick):
    result, printed, picture = quick
    assert result['machine']['processor'] in printed
    assert result['command'] in printed
    assert '| centergroup_tiny | 30 |' in printed
    assert 'images/s' in printed and 'MiB' in printed
    assert picture.std() > 0


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--people', '0'], 'nothing is timed without people'),
        (['--size', '768'], 'expected WIDTHxHEIGHT'),
        (['--size', '100x100'], 'multiples of 32'),
        (['--runs', '-1'], '--runs is -1, not at least 1'),
        (['--device', 'warp'], '--device warp'),
        (['--cfg-options', 'a=1', 'b'], "'b' is not of the form key=value"),
        (['--dtype', 'int8'], 'invalid choice'),
        (['nothing.py'], 'there is no config nothing.py'),
        (['--image', 'nothing.jpg'], '--image nothing.jpg is no file'),
    ],
)
def test_wrong_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as error:
        benchmark.main(arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_types_are_those_of_the_library():
    assert tuple(DTYPES) == benchmark.DTYPES


def test_a_model_that_cannot_be_built_is_named(repo_root, capsys):
    config = str(repo_root / 'configs' / 'centergroup_tiny.py')
    code = benchmark.main(
        [config, '--quick', '--cfg-options', 'model.head.type=NoHead']
    )
    assert code == 1
    assert 'NoHead' in capsys.readouterr().err
    # It was quiet for its own time only.
    assert logging.getLogger().isEnabledFor(logging.WARNING)


def test_a_peer_that_lacks_an_operator_is_left_out(repo_root, monkeypatch, capsys):
    monkeypatch.setattr('mmcv.ops.deform_conv.ext_module', mmcv_without_operators)
    peer = 'mmpose::body_2d_keypoint/dekr/coco/dekr_hrnet-w32_8xb10-140e_coco-512x512'
    own = str(repo_root / 'configs' / 'centergroup_tiny.py')
    runs = ['--people', '1', '--runs', '1', '--network-runs', '1', '--warm-up', '0']
    code = benchmark.main(
        [own, f'{peer}.py', '--size', '64x64', '--measure', 'time', *runs]
    )
    shown = capsys.readouterr()
    assert code == 0
    assert f'{peer}.py is left out: The operator deform_conv_forward' in shown.err
    assert '| centergroup_tiny | 1 |' in shown.out
    assert 'dekr' not in shown.out.replace(f'{peer}.py', '')
