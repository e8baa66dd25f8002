# SPDX-License-Identifier: Apache-2.0
"""Maps read at points: the same as resizing them and picking pixels."""

import pytest
import torch
import torch.nn.functional as F

from centergroup_mm.ops.sampling import bilinear_neighbors, read_bilinear, read_pixels

# Input [w, h] and map [w, h]: 1/4, the 1/2 and 1/8 of other test scales, 1, uneven.
SIZES = [
    ((64, 48), (16, 12)),
    ((32, 64), (16, 32)),
    ((96, 64), (12, 8)),
    ((20, 12), (20, 12)),
    ((40, 30), (7, 11)),
    ((16, 16), (1, 1)),
]


def every_pixel(size, batch=1, device='cpu'):
    """All (x, y) of a map, int64 (B, w * h, 2), row by row."""
    width, height = size
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    pixels = torch.stack((x, y), -1).reshape(1, -1, 2).expand(batch, -1, -1)
    return pixels.to(device)


@pytest.mark.parametrize(
    'layout', [torch.contiguous_format, torch.channels_last], ids=['rows', 'pixels']
)
@pytest.mark.parametrize(('size', 'map_size'), SIZES)
def test_read_bilinear_is_resizing_and_picking(size, map_size, layout, device):
    maps = torch.randn(2, 3, map_size[1], map_size[0], device=device)
    maps = maps.contiguous(memory_format=layout)
    read = read_bilinear(maps, every_pixel(size, 2, device), size)
    resized = F.interpolate(
        maps, size=(size[1], size[0]), mode='bilinear', align_corners=False
    )
    torch.testing.assert_close(
        read, resized.flatten(2).transpose(1, 2), rtol=0, atol=5e-5
    )


@pytest.mark.parametrize(('size', 'map_size'), SIZES)
def test_bilinear_neighbors_blend_to_the_resized_map(size, map_size, device):
    maps = torch.randn(2, 3, map_size[1], map_size[0], device=device)
    coords = every_pixel(size, 2, device)
    index, weight = bilinear_neighbors(coords, size, map_size)
    torch.testing.assert_close(
        weight.sum(-1), torch.ones(coords.shape[:2], device=device)
    )
    assert weight.min() >= 0
    values = torch.stack([maps[b].flatten(1)[:, index[b]] for b in range(2)])
    blended = (values * weight[:, None]).sum(-1)
    resized = F.interpolate(
        maps, size=(size[1], size[0]), mode='bilinear', align_corners=False
    )
    torch.testing.assert_close(blended, resized.flatten(2), rtol=0, atol=5e-5)


def test_read_bilinear_reads_each_image_at_its_own_points():
    maps = torch.arange(2.0)[:, None, None, None].expand(2, 1, 4, 4)
    coords = torch.tensor([[[0, 0], [7, 7]], [[3, 4], [1, 2]]])
    read = read_bilinear(maps, coords, (8, 8))
    torch.testing.assert_close(read[..., 0], torch.tensor([[0.0, 0.0], [1.0, 1.0]]))


def test_read_bilinear_passes_gradients_to_the_map():
    maps = torch.randn(1, 2, 4, 4, requires_grad=True)
    read_bilinear(maps, torch.tensor([[[5, 6]]]), (16, 16)).sum().backward()
    # Of the four pixels around, weights that sum to 1 in each channel.
    torch.testing.assert_close(maps.grad.sum((2, 3)), torch.ones(1, 2))
    assert (maps.grad != 0).sum() == 8


def test_read_pixels_reads_its_own_channel():
    maps = torch.randn(2, 3, 5, 7)
    x = torch.randint(0, 7, (2, 3, 4))
    y = torch.randint(0, 5, (2, 3, 4))
    read = read_pixels(maps, x, y)
    for image in range(2):
        for channel in range(3):
            for n in range(4):
                pixel = maps[image, channel, y[image, channel, n], x[image, channel, n]]
                assert read[image, channel, n] == pixel


def test_read_pixels_takes_the_border_for_what_lies_outside():
    maps = torch.arange(12.0).view(1, 1, 3, 4)
    x = torch.tensor([[[-1, 4, -5, 9, 2]]])
    y = torch.tensor([[[0, 1, -1, 9, 3]]])
    assert read_pixels(maps, x, y).flatten().tolist() == [0, 7, 0, 11, 10]
