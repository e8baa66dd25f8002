# SPDX-License-Identifier: Apache-2.0
"""Poses of the runtime are those of the model, and bad input is told in a line."""

import json
import re
import shutil
import sys

import cv2
import numpy as np
import onnx
import pytest
from mmpose.apis import MMPoseInferencer, inference_bottomup, init_model
from mmpose.structures.bbox import get_warp_matrix

from centergroup_mm.export.verification import SINGLE, compare
from centergroup_mm.runtime import (
    ImageError,
    ModelFileError,
    PoseModel,
    draw_poses,
    read_image,
    resize,
)
from centergroup_mm.runtime.description import KEY
from centergroup_mm.runtime.mask_warp import warp_area

# Width and height, odd ones among them.
SIZES = [(200, 200), (333, 217), (150, 401), (640, 71), (97, 33), (64, 250)]


@pytest.fixture(scope='module')
def model(tiny):
    return PoseModel(tiny.file, threads=1)


@pytest.fixture(scope='module')
def in_torch(tiny):
    return init_model(str(tiny.config), str(tiny.checkpoint), device='cpu')


def picture(size, seed=0):
    """Areas and detail at random, and no two pixels alike, uint8 (H, W, 3)."""
    random = np.random.default_rng(seed)
    coarse = random.random((size[1] // 8 + 2, size[0] // 8 + 2, 3), np.float32)
    return np.clip((cv2.resize(coarse, size) - 0.5) * 600 + 128, 0, 255).astype(
        np.uint8
    )


def assert_same(found, instances):
    """Poses of the runtime and of the host, compared as sets."""
    own = instances.keypoints, instances.keypoint_scores, instances.bbox_scores
    sets = [
        [np.asarray(array)[None] for array in (*arrays, np.ones(len(arrays[2]), bool))]
        for arrays in (own, (found.keypoints, found.keypoint_scores, found.scores))
    ]
    result = compare(*sets, SINGLE)
    assert result['poses'] > 0
    assert result['missing'] == 0
    assert result['elsewhere'] <= SINGLE.elsewhere * result['keypoints']
    assert result['score'] <= SINGLE.score


@pytest.mark.parametrize('size', SIZES)
def test_poses_of_arrays(size, model, in_torch):
    image = picture(size)
    (sample,) = inference_bottomup(in_torch, image)
    assert_same(model(image), sample.pred_instances)


def test_poses_of_photographs(tiny, model, coco_mini):
    inferencer = MMPoseInferencer(
        pose2d=str(tiny.config), pose2d_weights=str(tiny.checkpoint), device='cpu'
    )
    for path in sorted(coco_mini.glob('*.jpg')):
        result = next(inferencer(str(path), return_datasamples=True))
        (sample,) = result['predictions']
        assert_same(model(path), sample.pred_instances)


@pytest.mark.parametrize(
    ('name', 'image'),
    [
        ('coco_flip', '000000196141.jpg'),
        pytest.param('coco_noflip', '000000000785.jpg', marks=pytest.mark.slow),
    ],
)
def test_poses_of_the_authors_implementation(
    name, image, reference_model, parity_dir, coco_mini
):
    reference = np.load(parity_dir / f'{name}.npz')
    poses = PoseModel(reference_model(name), threads=1)(coco_mini / image)
    order = np.argsort(-reference['scores'], kind='stable')
    assert len(poses) == len(order) == 30
    for field, limit in (
        ('keypoints', 0.05),
        ('keypoint_scores', 1e-3),
        ('scores', 1e-3),
    ):
        difference = getattr(poses, field) - reference[field][order]
        assert np.abs(difference).max() <= limit, field


def test_a_batch_of_mixed_images_is_that_of_each(model):
    images = [picture(size, seed) for seed, size in enumerate([*SIZES, SIZES[0]])]
    for image, together in zip(images, model(images), strict=True):
        alone = model(image)
        np.testing.assert_allclose(together.keypoints, alone.keypoints, atol=1e-3)
        np.testing.assert_allclose(together.scores, alone.scores, atol=1e-5)
        assert together.image_size == image.shape[1::-1]
    assert model([]) == []


def test_the_warp_is_that_of_the_host():
    """Bit by bit; and the mask at 1/4 is every fourth pixel of the mask."""
    random = np.random.default_rng(0)
    for _ in range(300):
        width, height = (int(side) for side in random.integers(40, 700, 2))
        side = int(random.choice([192, 256]))
        size = resize.input_size((width, height), side, 64)
        placement = resize.place((width, height), size)
        warp = resize.warp_matrix(placement, size)
        theirs = get_warp_matrix(placement.center, placement.extent, 0, size)
        np.testing.assert_array_equal(warp, theirs)
        quarter, full = warp_area((width, height), warp, size, (4, 1))
        np.testing.assert_array_equal(quarter, full[:, ::4, ::4])
        np.testing.assert_array_equal(
            resize.image_mask((width, height), warp, size), full
        )


def test_results_have_names_and_formats(model):
    image = picture((200, 160))
    poses = model(image)
    assert len(poses) > 1
    assert poses.keypoint_names[0] == 'nose'
    assert (np.diff(poses.scores) <= 0).all()
    best = poses.above(float(poses.scores[0]))
    assert 1 <= len(best) <= len(poses)
    (first, *_) = poses.to_coco(image_id=7)
    assert first['image_id'] == 7
    assert len(first['keypoints']) == 3 * 17
    assert first['keypoints'][:2] == pytest.approx(poses.keypoints[0, 0], abs=1e-3)
    assert json.loads(json.dumps(first)) == first
    x1, y1, x2, y2 = poses.extents().T
    assert (x1 <= x2).all()
    assert (y1 <= y2).all()
    drawn = draw_poses(image, poses, keypoint_thr=0.0)
    assert drawn.shape == image.shape
    assert (drawn != image).any()
    nobody = poses.above(2.0)
    assert nobody.to_coco() == []
    assert nobody.extents().shape == (0, 4)
    np.testing.assert_array_equal(draw_poses(image, nobody), image)
    assert len(model(image, score_thr=1.0)) < len(poses)


def test_supervision_gets_keypoints(model):
    supervision = pytest.importorskip('supervision')
    poses = model(picture((200, 160)))
    keypoints = poses.to_supervision()
    assert isinstance(keypoints, supervision.KeyPoints)
    np.testing.assert_array_equal(keypoints.xy, poses.keypoints)


@pytest.mark.parametrize(
    'change',
    [
        lambda image: image[..., 0],
        lambda image: image[..., :1],
        lambda image: np.dstack((image, image[..., 0])),
        lambda image: image.astype(np.uint16) * 257,
    ],
    ids=['gray', 'one channel', 'opacity', '16 bits'],
)
def test_other_arrays_are_read(change, model):
    gray = np.repeat(picture((200, 160))[..., :1], 3, axis=2)
    np.testing.assert_allclose(
        model(change(gray)).keypoints, model(gray).keypoints, atol=1e-3
    )


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (np.zeros((0, 0, 3), np.uint8), r'shape \(0, 0, 3\)'),
        (np.zeros((10, 10, 2), np.uint8), r'shape \(10, 10, 2\)'),
        (np.zeros((10, 10, 3), np.float32), 'float32'),
        (np.zeros((4000, 1, 3), np.uint8), '1 x 4000'),
        (None, 'NoneType'),
    ],
)
def test_what_is_no_image_is_told(image, message, model):
    with pytest.raises(ValueError, match=message) as caught:
        model([image])
    assert '\n' not in str(caught.value)


def write(folder, name, image):
    path = folder / name
    assert cv2.imwrite(str(path), image)
    return path


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_a_file_that_is_cut_off_is_told(suffix, tmp_path):
    whole = write(tmp_path, f'whole{suffix}', picture((300, 200)))
    assert read_image(whole).shape == (200, 300, 3)
    for share in (0.3, 0.9):
        part = tmp_path / f'part{suffix}'
        content = whole.read_bytes()
        part.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ImageError, match='cut off'):
            read_image(part)
    # What cameras append is no fault.
    part.write_bytes(content + b'\0' * 100)
    np.testing.assert_array_equal(read_image(part), read_image(whole))


@pytest.mark.parametrize('content', [b'', b'hello', b'\xff\xd8\xff\xd9', b'BM' * 9])
def test_a_file_that_is_no_image_is_told(content, tmp_path):
    path = tmp_path / 'x.jpg'
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r'x\.jpg'):
        read_image(path)
    with pytest.raises(FileNotFoundError, match='nothing'):
        read_image(tmp_path / 'nothing.jpg')


def test_files_of_every_kind_are_read(tmp_path):
    image = picture((60, 40))
    deep = image.astype(np.uint16) * 257
    gray = write(tmp_path, 'gray.png', image[..., 0])
    np.testing.assert_array_equal(read_image(gray)[..., 2], image[..., 0])
    np.testing.assert_array_equal(read_image(write(tmp_path, 'deep.png', deep)), image)
    clear = np.dstack((image, image[..., 0]))
    np.testing.assert_array_equal(
        read_image(write(tmp_path, 'clear.png', clear)), image
    )


def test_files_that_are_no_model_are_told(tiny, tmp_path):
    content = tiny.file.read_bytes()
    cut = tmp_path / 'cut.onnx'
    cut.write_bytes(content[: len(content) // 2])
    text = tmp_path / 'text.onnx'
    text.write_text('hello')
    for path in (cut, text):
        with pytest.raises(ModelFileError, match='cannot be read') as caught:
            PoseModel(path)
        assert '\n' not in str(caught.value)
    with pytest.raises(FileNotFoundError, match='does not exist'):
        PoseModel(tmp_path / 'nothing.onnx')
    with pytest.raises(FileNotFoundError):
        PoseModel(tmp_path)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (None, 'something else'),
        ({'format': 2}, 'format 2'),
        ('[]', 'cannot be read'),
        ({'sigmas': None}, 'sigmas'),
    ],
)
def test_models_of_something_else_or_another_version_are_told(
    change, message, tiny, tmp_path
):
    proto = onnx.load(tiny.file)
    (entry,) = proto.metadata_props
    said = json.loads(entry.value)
    if change is None:
        entry.key = 'other'
    elif isinstance(change, str):
        entry.value = change
    else:
        said.update(change)
        entry.value = json.dumps({k: v for k, v in said.items() if v is not None})
    assert KEY == 'centergroup_mm'
    onnx.save(proto, tmp_path / 'x.onnx')
    with pytest.raises(ModelFileError, match=message):
        PoseModel(tmp_path / 'x.onnx')


def test_a_device_that_is_not_there_is_told(tiny):
    with pytest.raises(RuntimeError, match='CUDAExecutionProvider'):
        PoseModel(tiny.file, device='cuda')
    with pytest.raises(ValueError, match='device'):
        PoseModel(tiny.file, device='tpu')


def test_without_onnx_runtime_the_extra_is_named(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ImportError, match='runtime'):
        PoseModel(tiny.file)


def test_it_runs_where_there_is_no_torch_and_no_host(tiny, run_light, tmp_path):
    cv2.imwrite(str(tmp_path / 'x.png'), picture((200, 160)))
    done = run_light(
        [
            '-c',
            'import sys; from centergroup_mm.runtime import PoseModel\n'
            f'poses = PoseModel({str(tiny.file)!r}, threads=1)("x.png")\n'
            'print(len(poses), "torch" in sys.modules, "mmengine" in sys.modules)',
        ]
    )
    people, *loaded = done.stdout.split()
    assert int(people) > 0
    assert loaded == ['False', 'False']


def test_the_script_of_the_document_runs(tiny, run_light, repo_root, tmp_path):
    text = (repo_root / 'docs' / 'deployment.md').read_text()
    script = text.split('```python\n')[1].split('```')[0]
    shutil.copy(tiny.file, tmp_path / 'w32.onnx')
    cv2.imwrite(str(tmp_path / 'photo.jpg'), picture((200, 200)))
    shown = 'print(poses.keypoints.shape, picture.shape)'
    (tmp_path / 'script.py').write_text(f'{script}{shown}')
    people, size = run_light(['script.py']).stdout.splitlines()[-1].split(') (')
    assert re.fullmatch(r'\([1-9]\d*, 17, 2', people)
    assert size == '200, 200, 3)'
