# SPDX-License-Identifier: Apache-2.0
"""The page of ``centergroup serve``, in a real browser."""

import os
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec

import cv2
import pytest

from centergroup_mm.runtime import PoseModel

from .browser import Browser
from .test_runtime import picture

# Starts at once: the page needs no host.
SERVE = """
import sys
sys.modules['mmengine'] = None
from centergroup_mm.command.command_line import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def browser(tmp_path):
    program = shutil.which('chromium')
    if program is None:
        pytest.skip('needs chromium on PATH: apt-get install chromium')
    browser = Browser(program, tmp_path / 'browser')
    yield browser
    browser.close()


@pytest.fixture
def address(tiny, repo_root, tmp_path):
    """Serve the tiny model; the address of its page."""
    if find_spec('gradio') is None:
        pytest.skip('needs gradio: pip install "centergroup_mm[demo]"')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    log = tmp_path / 'log'
    environment = {
        **os.environ,
        'PYTHONPATH': str(repo_root),
        'GRADIO_ANALYTICS_ENABLED': 'False',
    }
    with open(log, 'w') as output:
        server = subprocess.Popen(
            [
                sys.executable,
                '-u',
                '-c',
                SERVE,
                'serve',
                tiny.file,
                '--port',
                str(port),
            ],
            stdout=output,
            stderr=output,
            env=environment,
        )
    try:
        while 'Running on' not in log.read_text():
            assert server.poll() is None, log.read_text()
        yield f'http://127.0.0.1:{port}'
    finally:
        server.terminate()
        server.wait()


def test_an_image_is_uploaded_and_poses_come_back(browser, address, tiny, tmp_path):
    image = tmp_path / 'x.png'
    cv2.imwrite(str(image), picture((200, 160)))
    poses = PoseModel(tiny.file, threads=1)(image, 0.3)
    assert len(poses) > 0
    browser.ask('Page.navigate', url=address)
    browser.wait_for("document.querySelector('input[type=file]') !== null")
    assert 'centergroup' in browser.value('document.body.innerText').lower()
    browser.upload('input[type=file]', image)
    # Two pictures then: what was uploaded, and that with poses.
    browser.wait_for(
        '[...document.images].filter(image => image.naturalWidth == 200).length == 2'
    )
    browser.wait_for("document.body.innerText.includes('category_id')")
