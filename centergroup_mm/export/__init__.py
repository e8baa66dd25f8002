# SPDX-License-Identifier: Apache-2.0
"""Models as files that run without torch; needs the extra ``export``."""

from .onnx_file import Export, export_onnx
from .recording import OPSET
from .verification import VerificationError

__all__ = ['OPSET', 'Export', 'VerificationError', 'export_onnx']
