# SPDX-License-Identifier: Apache-2.0
"""Driving a page in a real browser, over pipes: no other package is needed."""

import json
import os
import subprocess
import time
from itertools import count
from pathlib import Path


class Browser:
    """Headless chromium, which does what a person does at a page.

    Args:
        program (str): The browser.
        folder (Path): For its files.
    """

    def __init__(self, program: str, folder: Path) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        # The browser reads commands from 3 and answers at 4.
        script = f'exec 3<&{theirs_in} 4>&{theirs_out}; exec "$@"'
        flags = ['--headless', '--no-sandbox', '--disable-gpu']
        flags += ['--disable-dev-shm-usage', '--remote-debugging-pipe']
        flags += [f'--user-data-dir={folder}', '--window-size=1300,1400', 'about:blank']
        self._process = subprocess.Popen(
            ['bash', '-c', script, 'bash', program, *flags],
            pass_fds=(theirs_in, theirs_out),
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._from, self._to = os.fdopen(ours_in, 'rb'), os.fdopen(ours_out, 'wb')
        self._numbers, self._session = count(1), None
        targets = self.ask('Target.getTargets')['targetInfos']
        (page,) = (t['targetId'] for t in targets if t['type'] == 'page')
        answer = self.ask('Target.attachToTarget', targetId=page, flatten=True)
        self._session = answer['sessionId']

    def ask(self, method: str, **parameters) -> dict:
        """Give a command of the DevTools protocol and return its result."""
        number = next(self._numbers)
        message = dict(id=number, method=method, params=parameters)
        if self._session:
            message['sessionId'] = self._session
        self._to.write(json.dumps(message).encode() + b'\0')
        self._to.flush()
        while True:
            answer = json.loads(self._read())
            if answer.get('id') == number:
                assert 'error' not in answer, answer
                return answer['result']

    def _read(self) -> bytes:
        message = bytearray()
        while (byte := self._from.read(1)) != b'\0':
            assert byte, 'the browser is gone'
            message += byte
        return bytes(message)

    def value(self, expression: str):
        """What a JavaScript expression is on the page."""
        answer = self.ask('Runtime.evaluate', expression=expression, returnByValue=True)
        assert 'exceptionDetails' not in answer, answer
        return answer['result'].get('value')

    def wait_for(self, expression: str, seconds: float = 60):
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + seconds
        while not (value := self.value(expression)):
            text = self.value('document.body.innerText')
            assert time.monotonic() < end, f'{expression} on {text}'
            time.sleep(0.2)
        return value

    def upload(self, selector: str, file: Path) -> None:
        """Choose a file in an input of the page."""
        root = self.ask('DOM.getDocument')['root']['nodeId']
        node = self.ask('DOM.querySelector', nodeId=root, selector=selector)
        self.ask('DOM.setFileInputFiles', files=[str(file)], nodeId=node['nodeId'])

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait()
        self._from.close()
        self._to.close()
