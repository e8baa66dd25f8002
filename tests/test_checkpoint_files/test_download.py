# SPDX-License-Identifier: Apache-2.0
"""Downloads end, whole or with an error, and are what their names say."""

import hashlib
import http.server
import socket
import threading
import time
from pathlib import Path

import pytest

from centergroup_mm.checkpoint_files import CheckpointFileError, download
from centergroup_mm.checkpoint_files.download import hash_in_name

CONTENT = b'content'
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the content; what the path starts with says how badly."""

    def do_GET(self):
        promised = len(CONTENT) + (5 if self.path.startswith('/short') else 0)
        if self.path.startswith('/slow'):
            self.wfile.write(b'HTTP/1.0 200 OK\r\nX: ')
            # Never silent for long, and never done.
            while not self.server.released.wait(0.02):
                self.wfile.write(b'x')
                self.wfile.flush()
            return
        self.send_response(200)
        self.send_header('Content-Length', str(promised))
        self.end_headers()
        if self.path.startswith('/stall'):
            self.server.released.wait(30)
        for byte in CONTENT:
            if self.path.startswith('/drip'):
                time.sleep(0.1)
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def log_message(self, *_):
        pass


@pytest.fixture
def url(monkeypatch):
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        server.daemon_threads = True
        server.released = threading.Event()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.released.set()
        server.shutdown()
        thread.join()


def test_whole_file_once(url, tmp_path):
    path = download(f'{url}/a%20b.pth?x=1', tmp_path / 'new')
    assert path == tmp_path / 'new' / 'a b.pth'
    assert path.read_bytes() == CONTENT
    path.write_bytes(b'kept')
    assert download(f'{url}/a%20b.pth', tmp_path / 'new').read_bytes() == b'kept'


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('stall.pth', 'timed out'),
        ('drip.pth', r'longer than 0 s'),
        ('slow_headers.pth', r'longer than 0 s'),
        ('short.pth', '7 of 12 bytes'),
        ('a-00000000.pth', 'its name says 00000000'),
        ('large.pth', 'more than 6 bytes'),
        ('', 'names no file'),
    ],
)
def test_bad_servers(url, tmp_path, name, message):
    stalls = name.startswith('stall')
    limits = dict(stall_limit=0.2 if stalls else 20, time_limit=20 if stalls else 0.4)
    if name.startswith(('short', 'a-', 'large')):
        limits = dict(size_limit=6 if name.startswith('large') else 100)
    with pytest.raises(CheckpointFileError, match=message) as raised:
        download(f'{url}/{name}', tmp_path, **limits)
    assert str(raised.value).startswith(f'{url}/{name} ')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    'address',
    ['http://127.0.0.1:99999/a.pth', 'http://[/a.pth', 'http://no such host/a.pth'],
)
def test_bad_addresses(tmp_path, address):
    with pytest.raises(CheckpointFileError, match='Check the address'):
        download(address, tmp_path)


@pytest.mark.parametrize('address', ['file:///etc/hostname', 'ftp://a/b.pth', 'a.pth'])
def test_other_addresses_are_refused(tmp_path, address):
    with pytest.raises(CheckpointFileError, match='names no file of the web'):
        download(address, tmp_path)


def test_a_long_name_is_told(url, tmp_path):
    with pytest.raises(CheckpointFileError, match='more than 255 bytes'):
        download(f'{url}/{"a" * 300}.pth', tmp_path)


def test_secrets_of_an_address_are_not_shown(tmp_path):
    for secret in ('http://me:secret@[/a.pth', 'http://me:secret@x:y/a.pth?key=secret'):
        with pytest.raises(CheckpointFileError, match='http://') as raised:
            download(secret, tmp_path)
        assert 'secret' not in str(raised.value)


def test_a_damaged_file_of_the_cache_is_replaced(url, tmp_path):
    name = f'a-{DIGEST[:8]}.pth'
    (tmp_path / name).write_bytes(b'another')
    assert download(f'{url}/{name}', tmp_path).read_bytes() == CONTENT


def test_server_that_speaks_another_language(tmp_path, monkeypatch):
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with socket.create_server(('127.0.0.1', 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b'220 ready\r\n')

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(CheckpointFileError, match='cannot be downloaded'):
            download(f'http://127.0.0.1:{server.getsockname()[1]}/a.pth', tmp_path)
        thread.join()


@pytest.mark.parametrize(
    'name', [f'a-{DIGEST[:8]}.pth', f'a-{DIGEST[:8]}_20200708.pth']
)
def test_hash_in_the_name(url, tmp_path, name):
    assert download(f'{url}/{name}', tmp_path) == tmp_path / name


def test_a_date_is_no_hash():
    assert hash_in_name('model-20200708.pth') is None
    assert hash_in_name('model-12345678_20200708.pth') == '12345678'
    assert hash_in_name('resnet50-0676ba61.pth') == '0676ba61'
    assert hash_in_name(Path('model.pth').name) is None
