# SPDX-License-Identifier: Apache-2.0
"""The Newton step on blurred heatmaps: Gaussians whose top is known."""

import pytest
import torch
import torch.nn.functional as F

from centergroup_mm.ops.newton import peak_offsets
from centergroup_mm.ops.poses import refine_by_newton

SIGMA = 1.5


def gaussian(x, y, size=(40, 30), spread=(4.0, 4.0), twist=0.0, height=1.0):
    """A map [w, h] with its top at (x, y)."""
    rows, columns = torch.meshgrid(
        torch.arange(float(size[1])), torch.arange(float(size[0])), indexing='ij'
    )
    dx, dy = (columns - x) / spread[0], (rows - y) / spread[1]
    return height * (-(dx**2 + dy**2 + 2 * twist * dx * dy) / 2).exp()


def offsets(maps, *points, sigma=SIGMA):
    """Of points of one type in a map (h, w), (n, 2)."""
    coords = torch.tensor(points).view(1, -1, 1, 2)
    return peak_offsets(maps[None, None], coords, sigma)[0, :, 0]


@pytest.mark.parametrize('height', [0.02, 1.0])
@pytest.mark.parametrize('twist', [-0.4, 0.0, 0.4])
@pytest.mark.parametrize('spread', [(4.0, 4.0), (3.0, 5.0)])
@pytest.mark.parametrize('top', [(20.0, 15.0), (20.3, 14.8), (19.5, 15.5)])
def test_a_gaussian_tells_its_top_from_any_pixel_near(top, spread, twist, height):
    maps = gaussian(*top, spread=spread, twist=twist, height=height)
    points = [(20, 15), (21, 15), (20, 14), (19, 16)]
    found = torch.tensor(points) + offsets(maps, *points)
    torch.testing.assert_close(found, torch.tensor([top] * 4), rtol=0, atol=0.03)


def test_agrees_with_blurring_the_whole_map():
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 3, 12, 17, generator=generator) + gaussian(8, 6, (17, 12))
    coords = torch.stack(
        [torch.randint(0, n, (2, 9, 3), generator=generator) for n in (17, 12)], -1
    )
    radius = 5  # the first whole number of pixels beyond three deviations
    steps = torch.arange(-radius, radius + 1.0)
    weight = (-(steps**2) / (2 * SIGMA**2)).exp()
    weight = weight / weight.sum()
    # One pixel more on every side, for the neighbors of those at the border.
    blurred = F.pad(maps, (radius + 1,) * 4, mode='replicate').flatten(0, 1)[:, None]
    for kernel in (weight.view(1, 1, -1, 1), weight.view(1, 1, 1, -1)):
        blurred = F.conv2d(blurred, kernel)
    logs = blurred.view(2, 3, 14, 19).log()
    found = peak_offsets(maps, coords, SIGMA)
    moved = 0
    for b, p, k in torch.cartesian_prod(*map(torch.arange, (2, 9, 3))).tolist():
        x, y = coords[b, p, k].tolist()
        near = logs[b, k, y : y + 3, x : x + 3]
        slope = torch.stack((near[1, 2] - near[1, 0], near[2, 1] - near[0, 1])) / 2
        twist = (near[0, 0] + near[2, 2] - near[0, 2] - near[2, 0]) / 4
        bend_x = near[1, 0] + near[1, 2] - 2 * near[1, 1]
        bend_y = near[0, 1] + near[2, 1] - 2 * near[1, 1]
        hessian = torch.stack((bend_x, twist, twist, bend_y)).view(2, 2)
        expected = torch.zeros(2)
        if (torch.linalg.eigvalsh(hessian) < -1e-4).all():
            expected = -torch.linalg.solve(hessian, slope).clamp(-SIGMA, SIGMA)
            moved += 1
        torch.testing.assert_close(found[b, p, k], expected, rtol=1e-3, atol=1e-3)
    assert 0 < moved < found[..., 0].numel(), 'both cases are there'


def test_without_a_maximum_nothing_moves():
    ramp = torch.arange(40.0).expand(30, 40)
    valley = 2 - gaussian(20, 15)
    for maps in (torch.ones(30, 40), torch.zeros(30, 40), ramp, valley, -ramp - 1):
        assert offsets(maps, (20, 15), (0, 0), (39, 29)).abs().max() < 1e-3


def test_a_step_is_no_longer_than_the_blur():
    maps = gaussian(20, 15)
    # So far off that a whole step would be six pixels.
    assert offsets(maps, (14, 15))[0, 0] == SIGMA
    assert offsets(maps, (20, 21))[0, 1] == -SIGMA


def test_mirroring_the_map_mirrors_the_step():
    maps = torch.rand(1, 2, 9, 12) + gaussian(6.3, 4.1, (12, 9))
    x, y = torch.randint(0, 12, (1, 7, 2)), torch.randint(0, 9, (1, 7, 2))
    coords = torch.stack((x, y), -1)
    mirrored = coords * torch.tensor([-1, 1]) + torch.tensor([11, 0])
    found = peak_offsets(maps.flip(-1), mirrored, SIGMA)
    expected = peak_offsets(maps, coords, SIGMA) * torch.tensor([-1, 1])
    assert expected.any()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_each_type_reads_its_own_map():
    maps = torch.stack((gaussian(20.4, 15), gaussian(19.6, 15.3)))[None]
    found = peak_offsets(maps, torch.tensor([[[[20, 15], [20, 15]]]]), SIGMA)[0, 0]
    torch.testing.assert_close(
        found, torch.tensor([[0.4, 0.0], [-0.4, 0.3]]), rtol=0, atol=0.03
    )


def test_half_a_pixel_is_added_and_the_result_is_single_precision():
    maps = gaussian(20.25, 15, height=0.5)[None, None]
    coords = torch.tensor([[[[20, 15]]]])
    refined = refine_by_newton(maps.bfloat16(), coords, SIGMA)
    assert refined.dtype == torch.float32
    torch.testing.assert_close(
        refined[0, 0, 0], torch.tensor([20.75, 15.5]), rtol=0, atol=0.1
    )
