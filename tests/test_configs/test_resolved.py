# SPDX-License-Identifier: Apache-2.0
"""Every named config resolves to what it did when its digest was stored.

``resolved.json`` holds the SHA-256 of each config with all that it inherits, so that
rebuilding the bases cannot change a config that nobody looked at. Store the digests
again after a change that is meant: ``python tests/test_configs/test_resolved.py``, and
empty :func:`undo_intended`.
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

# What has changed on purpose since the digests were stored, as it was then.
#
# Targets were drawn with these values of the codec only, the others being defaults of
# the class, so that another sigma reached the decoder alone.
WRITTEN_IN_ENCODER = {
    '_released': {'type', 'input_size', 'score_floor', 'min_candidates'},
    '_w48': {'type', 'input_size'},
    '_tiny': {'type', 'input_size', 'num_candidates', 'num_centers', 'center_kernel'},
}
# All configs inherited this from CenterGroup, those of other batches too.
TOTAL_BATCH = 130


def resolve(name: str) -> dict:
    """A config with all that it inherits, as plain data."""
    config = Config.fromfile(CONFIG_FOLDER / f'{name}.py', import_custom_modules=False)
    plain = json.loads(json.dumps(config.to_dict()))
    return {key: value for key, value in plain.items() if key not in VARIABLES}


def undo_intended(name: str, plain: dict) -> dict:
    """A config as it was when its digest was stored."""
    (target,) = (
        step
        for step in plain['train_dataloader']['dataset']['pipeline']
        if step['type'] == 'GenerateTarget'
    )
    for part, written in WRITTEN_IN_ENCODER.items():
        if part in name:
            encoder = target['encoder']
            target['encoder'] = {key: encoder[key] for key in written}
            break
    # A neck, which none of these has, learns at the rate of the detector it is part of.
    rates = plain['optim_wrapper'].get('paramwise_cfg', {}).get('custom_keys', {})
    rates.pop('neck', None)
    return plain | {'total_batch': TOTAL_BATCH}


def digest(plain: dict) -> str:
    text = json.dumps(plain, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()


def test_every_config_has_a_digest():
    assert sorted(json.loads(DIGESTS.read_text())) == NAMES


@pytest.mark.parametrize('name', NAMES)
def test_resolves_as_before(name):
    stored = json.loads(DIGESTS.read_text())[name]
    assert digest(undo_intended(name, resolve(name))) == stored


if __name__ == '__main__':
    digests = {name: digest(resolve(name)) for name in NAMES}
    DIGESTS.write_text(json.dumps(digests, indent=2) + '\n')
