# SPDX-License-Identifier: Apache-2.0
"""Resizing of whole images for testing, at one or several scales."""

from collections.abc import Sequence

from mmpose.datasets.transforms import BottomupResize
from mmpose.registry import TRANSFORMS

from ...runtime import resize


@TRANSFORMS.register_module()
class BottomupAlignedResize(BottomupResize):
    """Resize the image so that its short side covers the input side.

    With S the input side and m the smallest scale (1 if there is no other), the short
    side becomes ``side = ceil(m S)`` and the long one ``ceil(side long / short)``, both
    rounded up to multiples of ``size_factor``; the input at scale s is s / m times
    that. The image lies in the middle of each, on zeros. All scales cover the same
    region of the image, so that their maps can be averaged, which those of
    :class:`mmpose.datasets.transforms.BottomupResize` do not.

    Args:
        input_size (tuple[int, int]): The side S, twice.
        aug_scales (Sequence[float], optional): Scales besides 1, for multi-scale
            testing, e.g. (0.5, 2). Defaults to None.
        size_factor (int): Defaults to 64.
        resize_mode (str): Must be 'expand', as described above.
        pad_val (tuple): Pixel value around the image. Defaults to (0, 0, 0).
        max_aspect_ratio (float): Images that are longer, relative to their short side,
            are refused: the input grows with the ratio and so does the memory.
            Defaults to 16.

    Raises:
        ValueError: If a setting is not as described, a scale is no whole multiple of
            the smallest, or an image is too long.
    """

    def __init__(
        self,
        input_size: Sequence[int],
        aug_scales: Sequence[float] | None = None,
        size_factor: int = 64,
        resize_mode: str = 'expand',
        pad_val: tuple = (0, 0, 0),
        max_aspect_ratio: float = 16.0,
    ) -> None:
        if resize_mode != 'expand' or input_size[0] != input_size[1]:
            raise ValueError(
                f"{type(self).__name__}: expected resize_mode='expand' and an "
                f'input_size with two equal sides, got {resize_mode!r} and '
                f'{tuple(input_size)}.'
            )
        super().__init__(
            input_size=tuple(input_size),
            aug_scales=None if aug_scales is None else list(aug_scales),
            size_factor=size_factor,
            resize_mode=resize_mode,
            pad_val=pad_val,
        )
        self.max_aspect_ratio = max_aspect_ratio
        self.scales = [1, *(self.aug_scales or [])]
        self.multiples = [scale / min(self.scales) for scale in self.scales]
        if any(multiple != int(multiple) for multiple in self.multiples):
            raise ValueError(
                f'{type(self).__name__}: the scales {self.scales} (1 is always among '
                f'them) must be whole multiples of the smallest, {min(self.scales)}, '
                'or the inputs would not cover the same region.'
            )

    def input_sizes(self, image_size: tuple[int, int]) -> list[tuple[int, int]]:
        """Input sizes [w, h] at scale 1 and at the further scales.

        Args:
            image_size (tuple[int, int]): Image size [w, h].
        """
        base = resize.input_size(
            image_size, self.input_size[0], self.size_factor, min(self.scales)
        )
        return [tuple(int(n * length) for length in base) for n in self.multiples]

    def transform(self, results: dict) -> dict:
        """Resize the image.

        Args:
            results (dict): ``img`` (H, W, 3) and, for messages, ``img_path``.

        Returns:
            dict: ``img`` (h, w, 3), or a list of such with ``aug_scales``; of scale 1
            ``img_shape`` (h, w), ``input_size`` [w, h] and ``warp_mat`` (2, 3) from
            image to input pixels. ``input_center`` and ``input_scale``, common to all
            scales, are the center and extent of the input in image pixels; they say
            where the image lies.
        """
        image = results['img']
        height, width = image.shape[:2]
        sizes = self.input_sizes((width, height))
        path = results.get('img_path')
        resize.check_size(
            (width, height),
            sizes,
            self.max_aspect_ratio,
            'An image' if path is None else f'Image {path}',
            'Cut the image into parts, or set max_aspect_ratio of '
            f'{type(self).__name__}.',
        )

        placement = resize.place((width, height), sizes[0])
        warps = [resize.warp_matrix(placement, size) for size in sizes]
        images = [
            resize.warp_image(image, warp, size, self.pad_val)
            for warp, size in zip(warps, sizes, strict=True)
        ]
        results.update(
            img=images if self.aug_scales else images[0],
            img_shape=sizes[0][::-1],
            input_size=sizes[0],
            input_center=placement.center,
            input_scale=placement.extent,
            warp_mat=warps[0],
        )
        if self.aug_scales:
            results['aug_scales'] = self.aug_scales
        return results
