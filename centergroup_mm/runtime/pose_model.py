# SPDX-License-Identifier: Apache-2.0
"""An exported model that finds people in images."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np

from ..texts import shown
from . import resize
from .description import INPUTS, OUTPUTS, ModelFileError, read_description
from .images import as_color, read_image
from .poses import Poses

PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}
# Pixels of the input; far beyond any, and what drawing and JSON can still hold.
_FAR = 1e6
INSTALL = 'pip install "centergroup_mm[runtime]"'
Image = str | Path | np.ndarray


class PoseModel:
    """Finds the poses of all people in images, by ONNX Runtime.

    ::

        model = PoseModel('model.onnx')
        poses = model('photo.jpg')
        poses.keypoints, poses.keypoint_names, poses.scores

    Args:
        path (str | Path): File that ``tools/export_onnx.py`` wrote.
        device (str): ``cpu``, or ``cuda`` where onnxruntime-gpu is installed.
        threads (int, optional): Of the CPU. Defaults to one per core.
        batch_size (int): Images of one input size that run at a time.

    Raises:
        FileNotFoundError: If there is no such file.
        ModelFileError: If it is no exported model, or of another version.
        RuntimeError: If the device is not there: nothing falls back to the CPU.
    """

    def __init__(
        self,
        path: str | Path,
        device: str = 'cpu',
        threads: int | None = None,
        batch_size: int = 8,
    ) -> None:
        self.path = Path(path)
        self.batch_size = batch_size
        self._session = _open(self.path, device, threads)
        properties = self._session.get_modelmeta().custom_metadata_map
        self.description = read_description(properties, str(self.path))
        names = [value.name for value in self._session.get_inputs()]
        outputs = [value.name for value in self._session.get_outputs()]
        if (*names,) != INPUTS or (*outputs,) != OUTPUTS:
            raise ModelFileError(
                f'{self.path} takes {names} and gives {outputs}; expected '
                f'{[*INPUTS]} and {[*OUTPUTS]}. It was exported for another runtime: '
                'export it without --layout.'
            )

    # A text is a sequence of texts too, and is taken as a file.
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, images: Image, score_thr: float | None = None
    ) -> Poses: ...

    @overload
    def __call__(
        self, images: Sequence[Image], score_thr: float | None = None
    ) -> list[Poses]: ...

    def __call__(
        self,
        images: Image | Sequence[Image],
        score_thr: float | None = None,
    ) -> Poses | list[Poses]:
        """Find the people of one image, or of each of several.

        Args:
            images: A file, an array uint8 (H, W, 3), BGR as OpenCV reads it, or a list
                of these, of any sizes.
            score_thr (float, optional): People scoring less are left out. Defaults to
                what the model says, 0 as a rule.

        Returns:
            Poses | list[Poses]: Of the image, or a list for a list.

        Raises:
            FileNotFoundError, ImageError: If an image is missing or none.
            ValueError: If an image is too long for its width.
            ModelFileError: If the model gives something else than poses.
            RuntimeError: If it cannot be run, as for a lack of memory.
        """
        if isinstance(images, Image):
            return self([images], score_thr)[0]
        pictures, names = [], []
        for number, image in enumerate(images):
            if isinstance(image, str | Path):
                names.append(f'Image {image}')
                pictures.append(read_image(image))
            else:
                names.append(f'Image {number + 1}')
                pictures.append(as_color(image, names[-1]))
        threshold = self.description.score_thr if score_thr is None else score_thr
        by_size = defaultdict(list)
        for number, picture in enumerate(pictures):
            by_size[self._input_size(picture, names[number])].append(number)
        found: dict[int, Poses] = {}
        for size, numbers in by_size.items():
            for start in range(0, len(numbers), self.batch_size):
                part = numbers[start : start + self.batch_size]
                poses = self._find([pictures[i] for i in part], size, threshold)
                found.update(zip(part, poses, strict=True))
        return [found[number] for number in range(len(pictures))]

    def check(self, image: np.ndarray, name: str = 'The image') -> None:
        """Refuse an image that is too long for its width.

        Raises:
            ValueError: Says why.
        """
        self._input_size(image, name)

    def _input_size(self, image: np.ndarray, name: str) -> tuple[int, int]:
        """Size of the input of an image [w, h]."""
        image_size = (image.shape[1], image.shape[0])
        known = self.description
        size = resize.input_size(image_size, known.input_side, known.size_factor)
        resize.check_size(
            image_size,
            [size],
            known.max_aspect_ratio,
            name,
            'Cut the image into parts.',
        )
        return size

    def _find(
        self, images: Sequence[np.ndarray], size: tuple[int, int], score_thr: float
    ) -> list[Poses]:
        """The people of images whose inputs have one size."""
        placements, inputs, masks = [], [], []
        for image in images:
            image_size = (image.shape[1], image.shape[0])
            placement = resize.place(image_size, size)
            warp = resize.warp_matrix(placement, size)
            picture = resize.warp_image(image, warp, size)
            placements.append(placement)
            inputs.append(picture[..., ::-1].transpose(2, 0, 1))
            masks.append(resize.image_mask(image_size, warp, size))
        outputs = self._run(np.stack(inputs), np.stack(masks))
        results = []
        for image, placement, keypoints, keypoint_scores, scores, valid in zip(
            images, placements, *outputs, strict=True
        ):
            kept = np.flatnonzero(valid & (scores >= score_thr))
            kept = kept[np.argsort(-scores[kept], kind='stable')]
            points = resize.to_image_pixels(keypoints[kept], placement, size)
            results.append(
                Poses(
                    keypoints=points.astype(np.float32),
                    keypoint_scores=keypoint_scores[kept],
                    scores=scores[kept],
                    image_size=(image.shape[1], image.shape[0]),
                    description=self.description,
                )
            )
        return results

    def _run(self, inputs: np.ndarray, masks: np.ndarray) -> list[np.ndarray]:
        """The graph's outputs for B inputs, checked: the file may promise others."""
        given = dict(zip(INPUTS, (inputs, masks), strict=True))
        try:
            outputs = self._session.run(list(OUTPUTS), given)
        except Exception as error:  # its errors have no base class of their own
            height, width = inputs.shape[-2:]
            raise RuntimeError(
                f'{self.path} cannot be run on {len(inputs)} inputs of {width} x '
                f'{height} pixels: {shown(_first_line(error))}'
            ) from error
        keypoints, keypoint_scores, scores, valid = outputs
        shape = (len(inputs), *scores.shape[1:])
        types = len(self.description.keypoint_names)
        wanted = [(*shape, types, 2), (*shape, types), shape, shape]
        found = [output.shape for output in outputs]
        if len(shape) != 2 or found != wanted or valid.dtype != bool:
            raise ModelFileError(
                f'{self.path} gives outputs of the shapes {found}; expected (B, P, K, '
                f'2), (B, P, K), (B, P), (B, P) with B = {shape[0]} inputs and K = '
                f'{types} keypoint types. Export the model anew.'
            )
        numbers = (keypoints[valid], keypoint_scores[valid], scores[valid])
        if not all(np.isfinite(n).all() and (abs(n) < _FAR).all() for n in numbers):
            raise ModelFileError(
                f'{self.path} finds people at places, or with scores, that are no '
                'finite numbers or far off. Its weights are damaged: export another '
                'checkpoint.'
            )
        return outputs


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _open(path: Path, device: str, threads: int | None):
    """A session of ONNX Runtime."""
    if not path.is_file():
        raise FileNotFoundError(f'Model {path} does not exist or is no file.')
    if device not in PROVIDERS:
        raise ValueError(f'device is {device!r}; expected one of {list(PROVIDERS)}.')
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ImportError(f'ONNX Runtime is not installed: {INSTALL}') from error
    if PROVIDERS[device] not in onnxruntime.get_available_providers():
        raise RuntimeError(
            f'This ONNX Runtime has no {PROVIDERS[device]}. Install onnxruntime-gpu in '
            'place of onnxruntime, or choose the device cpu.'
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=[PROVIDERS[device]]
        )
    except Exception as error:  # its errors have no base class of their own
        raise ModelFileError(
            f'{path} ({path.stat().st_size:,} bytes) cannot be read as an ONNX model; '
            f'it is truncated, or something else: {shown(_first_line(error))}'
        ) from error
    if session.get_providers()[0] != PROVIDERS[device]:
        raise RuntimeError(
            f'{PROVIDERS[device]} could not be started: its libraries are missing or '
            'of another version. Nothing falls back to the CPU: choose the device cpu.'
        )
    return session
