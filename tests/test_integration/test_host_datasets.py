# SPDX-License-Identifier: Apache-2.0
"""Every metainfo file of MMPose: a model learns, is tested and draws its types.

Nothing in a metainfo file is of two or three dimensions, so those that MMPose uses for
3D data are among them.
"""

import copy
import json
from pathlib import Path

import cv2
import mmpose
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.utils import register_all_modules

METAINFO_FILES = sorted(
    (Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets').glob('*.py')
)
# One of each kind: links and sigmas; neither; links without sigmas; too few weights.
FAST = {'ap10k', '300w', 'horse10', 'coco_aic'}

SIZE = 64
IMAGES = 2
ONE_TYPE = """
dataset_info = dict(
    dataset_name='point',
    paper_info=dict(),
    keypoint_info={0: dict(name='tip', id=0, color=[0, 255, 0], type='', swap='')},
    skeleton_info={},
    joint_weights=[1.0],
    sigmas=[0.05],
)
"""


def draw_sample(folder: Path, metainfo: dict) -> None:
    """Two images with two instances each, drawn as points and links, as COCO has it."""
    rng = np.random.default_rng(0)
    count = metainfo['num_keypoints']
    images, annotations = [], []
    for number in range(IMAGES):
        name = f'{number}.png'
        picture = np.full((96, 128, 3), 60, dtype=np.uint8)
        images.append({'id': number, 'file_name': name, 'width': 128, 'height': 96})
        for corner in ([5, 8], [68, 20]):
            points = corner + rng.uniform(4, 50, size=(count, 2))
            for start, end in metainfo['skeleton_links']:
                ends = points[[start, end]].astype(int).tolist()
                cv2.line(picture, *ends, (200, 200, 200))
            for point, color in zip(points, metainfo['keypoint_colors'], strict=True):
                cv2.circle(picture, point.astype(int).tolist(), 2, color.tolist(), -1)
            labels = np.full((count, 1), 2)
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'image_id': number,
                    'category_id': 1,
                    'bbox': [*corner, 54, 54],
                    'area': 54 * 54,
                    'iscrowd': 0,
                    'num_keypoints': count,
                    'keypoints': np.hstack([points, labels]).ravel().tolist(),
                }
            )
        cv2.imwrite(str(folder / name), picture)
    content = {
        'images': images,
        'annotations': annotations,
        'categories': [{'id': 1, 'name': 'instance'}],
    }
    (folder / 'annotations.json').write_text(json.dumps(content))


@pytest.fixture(scope='module')
def tiny(repo_root) -> dict:
    """The tiny config, read once."""
    return Config.fromfile(repo_root / 'configs' / 'centergroup_tiny.py').to_dict()


def host_config(tiny: dict, folder: Path, metainfo_file: Path, count: int) -> Config:
    """The tiny model at 64 px for a number of types, on what ``draw_sample`` drew."""
    # The host formats the text of a config at each start and checkpoint, which would
    # take nine tenths of the time.
    config = Config(copy.deepcopy(tiny), format_python_code=False)
    dataset = {
        'data_root': f'{folder}/',
        'ann_file': 'annotations.json',
        'data_prefix': {'img': ''},
        'metainfo': {'from_file': str(metainfo_file)},
        'serialize_data': False,
    }
    loader = {'batch_size': IMAGES, 'dataset': dataset}
    codec = {'input_size': (SIZE, SIZE), 'num_candidates': 2, 'num_centers': 4}
    config.merge_from_dict(
        {
            'model.head.num_keypoints': count,
            'model.head.decoder': codec,
            'train_dataloader': loader,
            'test_dataloader': loader,
            'train_cfg': {'max_iters': 2},
            # Neither curves nor a validation, for it is tested.
            'custom_hooks': [{'type': 'CheckEvaluationHook'}],
            'val_cfg': None,
            'val_dataloader': None,
            'val_evaluator': None,
            'default_hooks.checkpoint.save_best': None,
            'default_hooks.visualization': {
                'enable': True,
                'interval': 1,
                'kpt_thr': 0.0,
                'out_dir': 'drawn',
            },
            'work_dir': str(folder / 'work'),
            'experiment_name': folder.name,
        }
    )
    for name in ('train', 'test'):
        for step in config[f'{name}_dataloader'].dataset.pipeline:
            if 'input_size' in step:
                step.input_size = (SIZE, SIZE)
            if 'encoder' in step:
                step.encoder.update(codec)
    return config


def cases():
    for path in METAINFO_FILES:
        marks = () if path.stem in FAST else pytest.mark.slow
        yield pytest.param(path, marks=marks, id=path.stem)
    yield pytest.param(None, id='one type')


def test_metainfo_files_are_found():
    assert {path.stem for path in METAINFO_FILES} >= FAST | {'coco', 'h36m'}


@pytest.mark.parametrize('metainfo_file', cases())
def test_any_types_are_learned_tested_and_drawn(metainfo_file, tiny, tmp_path):
    register_all_modules()
    if metainfo_file is None:
        metainfo_file = tmp_path / 'point.py'
        metainfo_file.write_text(ONE_TYPE)
    metainfo = parse_pose_metainfo({'from_file': str(metainfo_file)})
    count = metainfo['num_keypoints']
    draw_sample(tmp_path, metainfo)
    runner = Runner.from_cfg(host_config(tiny, tmp_path, metainfo_file, count))
    runner.train()
    assert runner.iter == 2
    metrics = runner.test()
    assert 0 <= metrics['coco/AP'] <= 1
    assert len(list(tmp_path.rglob('drawn/*.png'))) == IMAGES
    check_exact_poses(runner, tmp_path)


def check_exact_poses(runner: Runner, folder: Path) -> None:
    """The annotations as predictions: full AP, and every keypoint is drawn."""
    evaluator = runner.test_loop.evaluator
    for packed in runner.test_loop.dataloader.dataset:
        sample = packed['data_samples']
        truth = np.array([person['keypoints'] for person in sample.raw_ann_info])
        points = truth.reshape(2, -1, 3)[..., :2].astype(np.float32)
        sample.pred_instances = InstanceData(
            keypoints=points,
            keypoint_scores=np.ones(points.shape[:2], dtype=np.float32),
            bbox_scores=np.ones(len(points), dtype=np.float32),
        )
        evaluator.process([sample])
        out_file = folder / f'exact{sample.img_id}.png'
        # A color that no metainfo has: some keypoints are black.
        blank = np.full((96, 128, 3), (61, 62, 63), dtype=np.uint8)
        runner.visualizer.add_datasample(
            'exact', blank, sample, draw_gt=False, out_file=str(out_file)
        )
        drawn = cv2.imread(str(out_file), cv2.IMREAD_COLOR)[..., ::-1]
        columns, rows = points.reshape(-1, 2).astype(int).T
        assert (drawn[rows, columns] != blank[rows, columns]).any(axis=-1).all()
    assert evaluator.evaluate(IMAGES)['coco/AP'] == pytest.approx(1)
