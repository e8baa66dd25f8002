# SPDX-License-Identifier: Apache-2.0
"""Opening a page in a real browser, and asking how it lies there."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

# The page stands in a frame as wide as the window is to be.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><title>waiting</title>
<iframe width="{width}" height="900" style="border:0" srcdoc="{page}"></iframe>
<pre></pre>
<script>
window.onload = () => {{
  const frame = document.querySelector('iframe');
  const page = frame.contentDocument;
  const requests = [...performance.getEntriesByType('resource'),
    ...frame.contentWindow.performance.getEntriesByType('resource')];
  document.querySelector('pre').textContent = JSON.stringify({{
    width: page.documentElement.clientWidth,
    scrollWidth: page.documentElement.scrollWidth,
    images: [...page.images].map(image => image.naturalWidth),
    requests: requests.map(r => r.name).filter(n => !/^(data|about):/.test(n)),
    scripts: page.scripts.length,
    headings: [...page.querySelectorAll('h1,h2')].map(h => h.textContent),
    text: page.body.innerText,
  }});
}};
</script>"""


def find_browser() -> str:
    """The browser to use; skips the test without one."""
    for name in ('chromium', 'chromium-browser', 'google-chrome'):
        if path := shutil.which(name):
            return path
    pytest.skip('needs chromium on PATH: apt-get install chromium')


def open_page(page: Path, width: int, folder: Path) -> dict:
    """What a browser of this width makes of a page.

    Args:
        page (Path): The page.
        width (int): Of the window in CSS pixels.
        folder (Path): For the files of the browser.

    Returns:
        dict: ``width`` and ``scrollWidth`` of the page, natural widths of its
        ``images`` (0 where one does not decode), ``requests`` for anything outside the
        page, number of ``scripts``, ``headings`` and ``text``.
    """
    frame = folder / f'frame_{width}.html'
    frame.write_text(FRAME.format(width=width, page=html.escape(page.read_text())))
    command = [find_browser(), '--headless', '--no-sandbox', '--hide-scrollbars']
    command += [f'--user-data-dir={folder / "browser"}', '--window-size=1400,1000']
    command += ['--virtual-time-budget=10000', '--dump-dom', frame.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=600).stdout
    found = re.search(r'<pre>(\{.*?)</pre>', dom, flags=re.DOTALL)
    assert found, dom[-2000:]
    return json.loads(html.unescape(found[1]))
