# SPDX-License-Identifier: Apache-2.0
"""Every named config resolves to what it did when its digest was stored.

``resolved.json`` holds the SHA-256 of each config with all that it inherits, so that
rebuilding the bases cannot change a config that nobody looked at. Store the digests
again after a change that is meant: ``python tests/test_configs/test_resolved.py``.
"""

import hashlib
import json
from pathlib import Path

import pytest
from mmengine.config import Config

CONFIG_FOLDER = Path(__file__).resolve().parents[2] / 'configs'
DIGESTS = Path(__file__).with_name('resolved.json')
NAMES = sorted(path.stem for path in CONFIG_FOLDER.glob('*.py'))

# Names that configs give to parts of themselves. Nothing but configs reads them.
VARIABLES = {
    *('backbone', 'codec', 'data', 'data_root', 'decode_keypoint_order', 'input_size'),
    *('iterations', 'max_iters', 'plus', 'released_head', 'sizes'),
    *('tag_codec', 'train_pipeline', 'val_pipeline'),
}


def resolve(name: str) -> dict:
    """A config with all that it inherits, as plain data."""
    config = Config.fromfile(CONFIG_FOLDER / f'{name}.py', import_custom_modules=False)
    plain = json.loads(json.dumps(config.to_dict()))
    return {key: value for key, value in plain.items() if key not in VARIABLES}


def digest(plain: dict) -> str:
    text = json.dumps(plain, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()


def test_every_config_has_a_digest():
    assert sorted(json.loads(DIGESTS.read_text())) == NAMES


@pytest.mark.parametrize('name', NAMES)
def test_resolves_as_before(name):
    stored = json.loads(DIGESTS.read_text())[name]
    assert digest(resolve(name)) == stored


if __name__ == '__main__':
    digests = {name: digest(resolve(name)) for name in NAMES}
    DIGESTS.write_text(json.dumps(digests, indent=2) + '\n')
