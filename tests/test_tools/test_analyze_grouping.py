# SPDX-License-Identifier: Apache-2.0
"""The error report from the command line."""

import json
from pathlib import Path

import mmpose
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd

from .loading import load_tool

COCO_METAINFO = Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets/coco.py'


@pytest.fixture(scope='module')
def crowd(tmp_path_factory):
    """Two held-out images, and results that are the truth of the first."""
    folder = tmp_path_factory.mktemp('analyze') / 'crowd'
    generate_crowd(folder, CrowdSpec(num_train=0, num_val=2))
    content = json.loads((folder / 'annotations' / 'val.json').read_text())
    records = [
        dict(
            image_id=person['image_id'],
            category_id=1,
            keypoints=person['keypoints'],
            score=0.5,
        )
        for person in content['annotations']
        if person['num_keypoints'] and person['image_id'] == content['images'][0]['id']
    ]
    (folder / 'found.keypoints.json').write_text(json.dumps(records))
    return folder


def run(*arguments):
    return load_tool('analyze_grouping').main([str(argument) for argument in arguments])


def given(crowd, **changes):
    """Arguments of a results file and its annotations."""
    values = {
        'results': crowd / 'found.keypoints.json',
        'ann-file': crowd / 'annotations' / 'val.json',
        'images': crowd / 'val',
        **changes,
    }
    return [part for key, value in values.items() for part in (f'--{key}', value)]


def test_results_of_any_model(crowd, tmp_path, capsys):
    assert run(*given(crowd), '--out', tmp_path / 'out') == 0
    printed = capsys.readouterr().out
    numbers = json.loads((tmp_path / 'out' / 'report.json').read_text())
    page = (tmp_path / 'out' / 'report.html').read_text()
    assert str(tmp_path / 'out' / 'report.html') in printed
    assert f'AP {100 * numbers["ap"]["ap"]:.1f}\n' in printed
    persons, found = numbers['persons'], numbers['poses']
    assert numbers['fixes']['missed']['count'] == persons - found > 0
    assert numbers['fixes']['missed']['ap'] == pytest.approx(1)
    # The second image alone is worth showing.
    assert len(numbers['worst']) == 1
    assert page.count('<img') == 2


def test_no_results(crowd, tmp_path):
    (tmp_path / 'none.keypoints.json').write_text('[]')
    arguments = given(crowd, results=tmp_path / 'none.keypoints.json')
    assert run(*arguments, '--out', tmp_path) == 0
    assert json.loads((tmp_path / 'report.json').read_text())['ap']['ap'] == 0


def test_several_categories_as_one(crowd, tmp_path, capsys):
    """Every other person of a second category: one file, one report."""
    content = json.loads((crowd / 'annotations' / 'val.json').read_text())
    (person,) = content['categories']
    content['categories'].append({**person, 'id': 2, 'name': 'child'})
    for annotation in content['annotations'][::2]:
        annotation['category_id'] = 2
    (tmp_path / 'two.json').write_text(json.dumps(content))
    arguments = given(crowd, **{'ann-file': tmp_path / 'two.json'})
    assert run(*arguments, '--out', tmp_path) == 1
    assert '--merge-categories' in capsys.readouterr().err

    assert run(*arguments, '--out', tmp_path, '--merge-categories') == 0
    assert run(*given(crowd), '--out', tmp_path / 'one') == 0
    merged, one = (
        json.loads((folder / 'report.json').read_text())
        for folder in (tmp_path, tmp_path / 'one')
    )
    assert merged == one


def test_metainfo_without_sigmas(crowd, tmp_path):
    metainfo = Config.fromfile(COCO_METAINFO).dataset_info.to_dict()
    metainfo['sigmas'] = []
    (tmp_path / 'info.py').write_text(f'dataset_info = {metainfo!r}')
    arguments = given(crowd, metainfo=tmp_path / 'info.py')
    assert run(*arguments, '--out', tmp_path) == 0
    assert json.loads((tmp_path / 'report.json').read_text())['ap']['ap'] > 0


def test_nobody_annotated(crowd, tmp_path, capsys):
    """There is no AP, which is another thing than 0."""
    content = json.loads((crowd / 'annotations' / 'val.json').read_text())
    content['annotations'] = []
    (tmp_path / 'nobody.json').write_text(json.dumps(content))
    arguments = given(crowd, **{'ann-file': tmp_path / 'nobody.json'})
    assert run(*arguments, '--out', tmp_path) == 0
    assert 'AP –\n' in capsys.readouterr().out


def test_metainfo_without_dataset_info(crowd, tmp_path, capsys):
    (tmp_path / 'other.py').write_text('model = dict()')
    arguments = given(crowd, metainfo=tmp_path / 'other.py')
    assert run(*arguments, '--out', tmp_path) == 1
    assert 'other.py has no dataset_info' in capsys.readouterr().err


def test_config_without_a_test(crowd, tmp_path, capsys):
    (tmp_path / 'other.py').write_text('model = dict()')
    assert run(tmp_path / 'other.py', *given(crowd)[:2], '--out', tmp_path) == 1
    assert 'other.py has no test_evaluator' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'results': 'missing.keypoints.json'}, 'missing.keypoints.json does not'),
        ({'ann-file': 'missing.json'}, 'missing.json'),
        ({'metainfo': 'crowdpose'}, 'of the 14 keypoints in the metainfo'),
    ],
)
def test_failures_name_the_file_or_the_fault(crowd, tmp_path, capsys, changes, message):
    assert run(*given(crowd, **changes), '--out', tmp_path) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'report.html').exists()


@pytest.mark.parametrize(
    'arguments',
    [
        [],
        ['--results', 'a.json'],
        ['config.py'],
        ['config.py', 'a.pth', '--results', 'a.json'],
        ['config.py', 'a.pth', '--ann-file', 'a.json'],
        ['config.py', 'a.pth', '--cfg-options', 'a=1', 'b'],
        ['--results', 'a.json', '--ann-file', 'b.json', '--worst', '-3'],
        ['--results', 'a.json', '--ann-file', 'b.json', '--pose-thr', 'nan'],
        ['--results', 'a.json', '--ann-file', 'b.json', '--images', 'nowhere'],
    ],
)
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert 'error: ' in capsys.readouterr().err


@pytest.mark.slow
def test_a_config_and_a_checkpoint(crowd, tmp_path, repo_root, run_cli):
    """The host tests the model; AP is what it says."""
    config_file = repo_root / 'configs' / 'centergroup_tiny.py'
    init_default_scope('mmpose')
    model = MODELS.build(Config.fromfile(config_file).model)
    checkpoint = tmp_path / 'fresh.pth'
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, checkpoint)
    options = ['--cfg-options', f'test_dataloader.dataset.data_root={crowd}/']
    tool = ['python', repo_root / 'tools' / 'analyze_grouping.py', config_file]
    out = tmp_path / 'out'
    run_cli([*tool, checkpoint, '--out', out, *options], cwd=tmp_path)
    numbers = json.loads((out / 'report.json').read_text())
    metrics = json.loads(next(out.glob('*/*.json')).read_text())
    for key, name in (('ap', 'AP'), ('ap50', 'AP .5'), ('ap75', 'AP .75')):
        assert numbers['ap'][key] == pytest.approx(metrics[f'coco/{name}'])

    # From the results that it left, without a test.
    again = tmp_path / 'again'
    kept = ['--results', out / 'results.keypoints.json']
    assert run(config_file, *kept, '--out', again, *options) == 0
    assert json.loads((again / 'report.json').read_text()) == numbers
