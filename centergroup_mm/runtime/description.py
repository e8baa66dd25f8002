# SPDX-License-Identifier: Apache-2.0
"""What an exported model says of itself, as the metadata of its file."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..texts import shown
from .description_checks import first_fault

# Of metadata_props, its value being JSON; and the number of the present form of both
# the description and the graph's inputs and outputs.
KEY = 'centergroup_mm'
FORMAT = 1
# Of the graph, see :class:`centergroup_mm.export.graph.PosesFromPixels`.
INPUTS = ('images', 'inside')
OUTPUTS = ('keypoints', 'keypoint_scores', 'scores', 'valid')


class ModelFileError(ValueError):
    """A file is no exported model, or not one that this version can run."""


@dataclass(frozen=True)
class Description:
    """An exported model. K is the number of keypoint types.

    Attributes:
        format (int): Of the file, see ``FORMAT``.
        version (str): Of centergroup_mm, which exported it.
        method (str): ``CenterGroup`` or ``CenterNet``, for example.
        dataset (str): That it was trained on, as its config names it.
        keypoint_names (list[str]): K names.
        skeleton (list[list[int]]): Pairs of keypoint types that are drawn as links.
        flip_indices (list[int]): Mirror image of each of the K types.
        sigmas (list[float]): K fall-offs of COCO's keypoint similarity, or none.
        input_side (int): Pixels of the input that the short side of an image covers.
        size_factor (int): Both sides of the input are multiples of it.
        max_aspect_ratio (float): Longer images are refused.
        score_thr (float): Poses scoring less are dropped, unless told otherwise.
        flip_test (bool): Whether poses are averaged with those of the mirrored image.
        half (bool): Whether convolutions compute in half precision.
        license_of_weights (str): As stated at the export.
    """

    format: int
    version: str
    method: str
    dataset: str
    keypoint_names: list[str]
    skeleton: list[list[int]]
    flip_indices: list[int]
    sigmas: list[float]
    input_side: int
    size_factor: int
    max_aspect_ratio: float
    score_thr: float
    flip_test: bool
    half: bool
    license_of_weights: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)


def read_description(properties: dict[str, str], name: str) -> Description:
    """Read the metadata of a model file.

    Args:
        properties (dict[str, str]): Its metadata by key.
        name (str): Of the file, for messages.

    Raises:
        ModelFileError: If it has none of this package, or of another version, or one
            that cannot be true.
    """
    if KEY not in properties:
        raise ModelFileError(
            f'{name} is an ONNX model of something else: it has no metadata '
            f'"{KEY}". Expected a file that tools/export_onnx.py wrote.'
        )
    try:
        values = json.loads(properties[KEY])
        number = values['format']
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ModelFileError(
            f'{name} has metadata "{KEY}" that cannot be read. Export the model anew.'
        ) from None
    if number != FORMAT:
        raise ModelFileError(
            f'{name} has the format {shown(number)} (written by centergroup_mm '
            f'{shown(values.get("version"))}); this version reads format {FORMAT}. '
            'Export the model anew, or install the version that wrote it.'
        )
    wanted = [field.name for field in fields(Description)]
    missing = [field for field in wanted if field not in values]
    if missing:
        raise ModelFileError(
            f'{name} does not say {", ".join(missing)} in its metadata "{KEY}". Export '
            'the model anew.'
        )
    if fault := first_fault(values):
        raise ModelFileError(
            f'{name} has a description (metadata "{KEY}") that cannot be: {fault}. '
            'Export the model anew.'
        )
    return Description(**{field: values[field] for field in wanted})
