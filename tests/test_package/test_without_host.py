# SPDX-License-Identifier: Apache-2.0
"""What works without torch and the packages of OpenMMLab, and without more still."""

import re
from importlib.metadata import packages_distributions

import pytest

HOST = {'torch', 'torchvision', 'mmengine', 'mmcv', 'mmdet', 'mmpose'}
NUMPY = {'numpy'}
OPENCV = NUMPY | {'cv2'}
# What the extra "report" brings, and what that needs.
REPORT = OPENCV | {
    *('contourpy', 'cycler', 'dateutil', 'fontTools', 'jinja2', 'kiwisolver'),
    *('markupsafe', 'matplotlib'),
    *('mpl_toolkits', 'packaging', 'PIL', 'pyparsing', 'pytz', 'scipy', 'six'),
    'xtcocotools',
}


@pytest.fixture
def run_with(run_without):
    """Run a script where only some packages are there; returns what it prints."""

    def run(packages: set[str], script: str) -> str:
        absent = (HOST | set(packages_distributions())) - packages - {'centergroup_mm'}
        assert absent >= HOST
        return run_without(absent, ['-W', 'ignore', '-c', script]).stdout

    return run


def test_annotations_and_poses_need_numpy_alone(run_with, tmp_path):
    script = """
import json
import numpy as np
import centergroup_mm
from centergroup_mm import coco
from centergroup_mm.files import write_atomically

assert not hasattr(centergroup_mm, 'models')
box = dict(bbox=[0, 0, 40, 40], area=800, iscrowd=0)
person = dict(id=1, image_id=3, category_id=1, keypoints=[10, 10, 2, 30, 30, 1], **box)
content = dict(
    images=[dict(id=3, file_name='a.jpg')],
    annotations=[person],
    categories=[dict(id=1, name='person', keypoints=['head', 'foot'])],
)
pose = dict(image_id=3, category_id=1, keypoints=[10, 10, 1, 30, 30, 1], score=1)
for name, written in ('truth', content), ('poses', [pose]):
    write_atomically(f'{name}.json', json.dumps(written).encode())
truth = coco.load_truth('truth.json')
poses = coco.load_poses('poses.json', truth)[3]
image = truth[3]
print(
    coco.object_keypoint_similarity(
        poses.keypoints, image.keypoints, image.labeled, image.areas, np.full(2, 0.1)
    )
)
assert (coco.decode_rle(coco.encode_rle(np.eye(3))) == np.eye(3)).all()
"""
    assert run_with(NUMPY, script).strip() == '[[1.]]'


def test_poses_and_crowds_are_drawn_with_opencv(run_with, tmp_path):
    script = """
import numpy as np
from centergroup_mm.coco import most_crowded
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd
from centergroup_mm.visualization import (
    ExplainedPoses, Explanation, Style, draw_attention, draw_people, make_grid,
)

generate_crowd('crowd', CrowdSpec(1, 2, 96, crowding=0.8))
truth = most_crowded('crowd/annotations/val.json', 1)
(image,) = truth.images.values()
blank = np.full((96, 96, 3), 255, np.uint8)
drawn = draw_people(blank, image, truth.skeleton, scale=1.0)
assert (drawn != blank).any()
assert make_grid([[blank, drawn]], 'ab', ['c']).shape[1] > 192

points = np.array([[[20.0, 20], [70, 70]]])
explanation = Explanation(
    centers=points.mean(1),
    center_scores=np.ones(1),
    attention=np.eye(2)[None],
    coords=points[0],
    types=np.arange(2),
    scores=np.ones(2),
    valid=np.ones(2, bool),
)
poses = ExplainedPoses(points, np.ones((1, 2)), np.ones(1), None, explanation)
layers = ('candidates', 'pairs', 'attention', 'poses', 'runner-ups', 'centers')
assert (draw_attention(blank, poses, layers, Style([(0, 1)])) != blank).any()
print('drawn')
"""
    assert run_with(OPENCV, script).strip() == 'drawn'


# The files that docs/error_report.md names, of a drawn crowd.
FILES = """
import json
import shutil
from pathlib import Path
from centergroup_mm.coco import Poses, load_truth, poses_to_records
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd

generate_crowd('crowd', CrowdSpec(0, 4, 96, crowding=0.8))
shutil.move('crowd/annotations/val.json', 'person_keypoints_val2017.json')
shutil.move('crowd/val', 'val2017')
truth = load_truth('person_keypoints_val2017.json')
found = {
    image_id: Poses(image.keypoints + 1, image.visibility / 2, image.areas / 1e4)
    for image_id, image in truth.images.items()
}
records = poses_to_records(found, truth.category['id'])
Path('results.keypoints.json').write_text(json.dumps(records))
"""


@pytest.fixture(scope='module')
def report_script(repo_root) -> str:
    """The Python block of docs/error_report.md on this, after what it needs."""
    page = (repo_root / 'docs/error_report.md').read_text()
    section = page.partition('## Without MMPose')[2]
    block = re.search(r'```python\n(.*?)```', section, re.DOTALL).group(1)
    return FILES + block


def test_the_error_report_needs_no_host(run_with, report_script, tmp_path):
    shown = run_with(REPORT, report_script + "print(report.numbers['ap']['ap'])")
    assert 0 < float(shown) <= 1
    assert 'data:image/jpeg' in (tmp_path / 'report.html').read_text()


def test_the_error_report_says_what_it_lacks(run_with, report_script, tmp_path):
    lines = ['    ' + line for line in report_script.splitlines()]
    caught = ['try:', *lines, 'except ImportError as error:', '    print(error)']
    message = run_with(REPORT - {'xtcocotools'}, '\n'.join(caught))
    assert 'measured by xtcocotools' in message
    assert "pip install 'centergroup_mm[report]'" in message
    assert not (tmp_path / 'report.html').exists()
