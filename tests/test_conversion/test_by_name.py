# SPDX-License-Identifier: Apache-2.0
"""The way of docs/released_checkpoints.md, from a download by name to AP and poses."""

import functools
import http.server
import shutil
import threading
from pathlib import Path

import pytest
import yaml

AUTHORS_FOLDER = (
    'https://vision.in.tum.de/webshare/u/brasoand/centergroup/models/centergroup'
)
FILE = 'centergroup_higherhrnet_w32_coco_512x512.pth'
NOT_TRACKED = shutil.ignore_patterns(
    '.git', '.venv', '*.egg-info', '__pycache__', 'build', 'dist', 'data', 'work_dirs'
)


def released_models(repo_root):
    models = yaml.safe_load((repo_root / 'configs/metafile.yml').read_text())['Models']
    return [model for model in models if model['Name'].endswith('_released')]


def test_metafile_names_config_source_and_weights(repo_root):
    models = released_models(repo_root)
    assert len(models) == 3
    for model in models:
        assert (repo_root / model['Config']).is_file()
        assert model['Weights'].startswith(AUTHORS_FOLDER)
        assert model['Converted From']['Weights'] == model['Weights']
        assert 0.6 < model['Results'][0]['Metrics']['AP'] < 0.8


@pytest.fixture(scope='module')
def server(parity_dir, tmp_path_factory):
    """Serves a small checkpoint of the released layout under a released name."""
    folder = tmp_path_factory.mktemp('served')
    shutil.copy(parity_dir / 'coco_flip.ckpt', folder / FILE)
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(folder)
    )
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


@pytest.fixture(scope='module')
def installed(run_cli, repo_root, server, tmp_path_factory) -> dict[str, str]:
    """Environment of an installed package whose metafile points to the server."""
    tree = tmp_path_factory.mktemp('source') / 'checkout'
    shutil.copytree(repo_root, tree, symlinks=True, ignore=NOT_TRACKED)
    metafile = tree / 'configs/metafile.yml'
    metafile.write_text(metafile.read_text().replace(AUTHORS_FOLDER, server))
    site = tmp_path_factory.mktemp('site')
    options = ['--no-deps', '--no-build-isolation', '--no-index', '--target', site]
    run_cli(['python', '-m', 'pip', 'install', *options, tree], cwd=site)
    return {'PYTHONPATH': str(site), 'no_proxy': '127.0.0.1'}


@pytest.mark.slow
def test_from_the_download_to_ap(run_cli, installed, coco_mini: Path, tmp_path):
    def run(*command):
        return run_cli(command, cwd=tmp_path, env=installed).stdout

    name = 'centergroup_w32_released'
    run('mim', 'download', 'centergroup_mm', '--config', name, '--dest', 'checkpoints')
    convert = ['mim', 'run', 'centergroup_mm', 'convert_checkpoint']
    # The small network is for 256 px; its width alone would say 512.
    run(*convert, f'checkpoints/{FILE}', 'w32.pth', '--input-size', '256')
    data = [
        f'test_dataloader.dataset.data_root={coco_mini}',
        'test_dataloader.dataset.ann_file=test_coco.json',
        'test_dataloader.dataset.data_prefix.img=',
    ]
    test = ['mim', 'test', 'mmpose', 'w32.py', '--checkpoint', 'w32.pth']
    tested = run(*test, '--cfg-options', *data)
    assert 'coco/AP' in tested
    scales = [
        'model.test_cfg.multiscale_test=True',
        'test_dataloader.dataset.pipeline.1.aug_scales=[0.5,2]',
    ]
    assert 'coco/AP' in run(*test, '--cfg-options', *data, *scales)

    run('mim', 'run', 'centergroup_mm', 'publish_model', 'w32.pth', 'small.pth')
    (published,) = tmp_path.glob('small-*.pth')
    infer = (
        'from mmpose.apis import MMPoseInferencer as I; import sys; '
        "i = I(pose2d='w32.py', pose2d_weights=sys.argv[1], device='cpu'); "
        "print(len(next(i(sys.argv[2]))['predictions'][0]), 'poses')"
    )
    image = sorted(coco_mini.glob('*.jpg'))[0]
    assert '30 poses' in run('python', '-c', infer, published.name, image)
