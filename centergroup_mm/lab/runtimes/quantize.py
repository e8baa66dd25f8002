# SPDX-License-Identifier: Apache-2.0
"""Convolutions in 8 bits, everything else as it was."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from ...runtime.description import INPUTS


class Pictures(CalibrationDataReader):
    """Feeds images, one at a time.

    Args:
        images (Sequence[np.ndarray]): uint8 (1, 3, h, w), RGB, without padding.
    """

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        self._feeds = self._make(images)

    def _make(self, images: Sequence[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
        for image in images:
            inside = np.ones((1, 1, *image.shape[2:]), bool)
            yield dict(zip(INPUTS, (image, inside), strict=True))

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def quantize_convolutions(content: bytes, images: Sequence[np.ndarray]) -> bytes:
    """The content of an ONNX file with its convolutions in int8.

    Weights in 7 bits, by channel; activations by the range that they have on
    ``images``. Matrix products stay as they are: in int8 attention loses more than it
    gains.

    Args:
        content (bytes): As :func:`centergroup_mm.export.recording.to_onnx` makes it.
        images (Sequence[np.ndarray]): uint8 (1, 3, h, w), RGB, without padding.
    """
    metadata = {p.key: p.value for p in onnx.load_from_string(content).metadata_props}
    with TemporaryDirectory() as folder:
        source, target = Path(folder, 'float.onnx'), Path(folder, 'int8.onnx')
        source.write_bytes(content)
        quantize_static(
            source,
            target,
            Pictures(images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=['Conv'],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # CPUs with AVX2 and no VNNI add products of 8 bits in 16, and saturate.
            reduce_range=True,
        )
        proto = onnx.load(target)
    onnx.helper.set_model_props(proto, metadata)
    return proto.SerializeToString()
