# SPDX-License-Identifier: Apache-2.0
"""From a posed body and its clothes to shapes in drawing order.

The one primitive is the hull of discs: two discs make a limb, four a torso.
Shapes that touch without an edge between them form a layer and are shaded
together, so that no line marks a joint.
"""

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from .body import FACE_POINTS, HEAD_AXES, SIDES, Body
from .outfit import Color, Outfit

_ANGLES = np.linspace(0, 2 * np.pi, 14, endpoint=False)
CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1).astype(np.float32)

# A face point is seen while the cosine between the surface there and the
# direction to the camera exceeds this; ears stick out and are seen from the front.
EYE_SEEN, EAR_SEEN = 0.05, -0.35


@dataclass
class Shape:
    """A hull of discs.

    Attributes:
        centers (np.ndarray): (D, 2) px.
        radii (np.ndarray): (D,) px.
        color (Color): BGR, 0-255.
        cloth (bool): Whether it is of cloth, which may be patterned.
    """

    centers: np.ndarray
    radii: np.ndarray
    color: Color
    cloth: bool = False

    def points(self, disc: np.ndarray = CIRCLE, grow: np.ndarray | None = None):
        """Return (..., D * V, 2) px whose hull is the shape.

        Args:
            disc (np.ndarray): (..., V, 2) outline of a disc of radius 1.
            grow (np.ndarray, optional): (..., V, 2) px added to the outlines of the
                discs.
        """
        radii = self.radii[:, None, None]
        points = radii * disc[..., None, :, :] + self.centers[:, None]
        if grow is not None:
            points += grow[..., None, :, :]
        return points.reshape(*disc.shape[:-2], -1, 2)

    @cached_property
    def outline(self) -> np.ndarray:
        """The (N, 1, 2) float32 hull in px, as OpenCV's contours are laid out."""
        return cv2.convexHull(self.points().astype(np.float32))


@dataclass
class Layer:
    """Shapes shaded as one, with the points that lie on them.

    Attributes:
        shapes (list[Shape]): Drawn one after the other, tone by tone.
        points (tuple[str, ...]): Names of the anatomical points that this layer
            carries.
        details (list[Shape]): Shapes drawn flat on top.
    """

    shapes: list[Shape]
    points: tuple[str, ...] = ()
    details: list[Shape] = field(default_factory=list)


class Figure:
    """Shapes of one body at its place in the image.

    Args:
        body (Body): The posed body.
        outfit (Outfit): Its clothes.
        foot (np.ndarray): (2,) px, where the body's origin (its lowest point's height)
            lies.
        stature (float): Px per stature.

    Attributes:
        points (dict[str, np.ndarray]): Name -> (3,) px: x, y and the depth towards the
            camera.
        layers (list[Layer]): From the farthest to the nearest.
    """

    def __init__(self, body: Body, outfit: Outfit, foot, stature: float):
        self.body, self.outfit, self.stature = body, outfit, float(stature)
        origin = np.array([*foot, 0.0])
        self.points = {n: origin + stature * p for n, p in body.points.items()}
        self.layers = self._sorted_layers()

    def _shape(self, points, radii, color, girth=True, cloth=False) -> Shape:
        scale = self.stature * (self.body.girth if girth else 1.0)
        centers = np.array([p[:2] for p in points])
        return Shape(centers, np.array(radii) * scale, color, cloth)

    def _sorted_layers(self) -> list[Layer]:
        # Hanging arms pass beside or in front of the torso, hips below it.
        layers = [
            (0.0, self._torso()),
            (self._depth('head', 'neck') + 0.01, self._head()),
        ]
        outfit = self.outfit
        for side, _ in SIDES:
            arm = self._limb(
                [f'{side}_{p}' for p in ('shoulder', 'elbow', 'wrist', 'hand')],
                ((0.037, 0.030), (0.030, 0.022), (0.023, 0.021)),
                (outfit.arm, outfit.hand),
                outfit.arm_sleeve,
            )
            leg = self._limb(
                [f'{side}_{p}' for p in ('hip', 'knee', 'ankle', 'toe')],
                ((0.058, 0.044), (0.043, 0.029), (0.030, 0.022)),
                (outfit.leg, outfit.foot),
                outfit.leg_sleeve,
            )
            layers += [(depth + 0.03, layer) for depth, layer in arm]
            layers += [(depth - 0.06, layer) for depth, layer in leg]
        return [layer for _, layer in sorted(layers, key=lambda item: item[0])]

    def _depth(self, *names) -> float:
        """Return the mean depth of points before the waist, in statures."""
        depths = [self.body.points[name][2] for name in names]
        return float(sum(depths) / len(depths) - self.body.points['waist'][2])

    def _limb(self, names, radii, colors, sleeve):
        """Return [(depth, layer)]: one layer, or two where the limb folds."""
        root, joint, end, tip = names
        a, b, c, d = (self.points[name] for name in names)
        upper = self._segment(a, b, radii[0], colors[0], sleeve)
        lower = self._segment(b, c, radii[1], colors[0], sleeve - 1)
        start = self.points[tip.replace('toe', 'heel')] if 'toe' in tip else c
        lower.append(self._shape((start, d), radii[2], colors[1]))

        depths = self._depth(root, joint), self._depth(joint, end)
        u, v = (b - a)[:2], (c - b)[:2]
        if u @ v < 0.2 * np.hypot(*u) * np.hypot(*v):
            return [
                (depths[0], Layer(upper, (root,))),
                (depths[1] + 1e-3, Layer(lower, (joint, end))),
            ]
        order = upper + lower if depths[0] <= depths[1] else lower + upper
        return [(sum(depths) / 2, Layer(order, (root, joint, end)))]

    def _segment(self, a, b, radius, cloth, reach):
        """Return a segment's skin and, over it, cloth down to `reach` (0 to 1)."""
        reach = min(max(reach, 0.0), 1.0)
        shapes = []
        if reach < 1:
            shapes.append(self._shape((a, b), radius, self.outfit.skin))
        if reach > 0:
            end = radius[0] + reach * (radius[1] - radius[0])
            loose = (1.06 * radius[0], 1.1 * end)
            cut = a + reach * (b - a)
            shapes.append(self._shape((a, cut), loose, cloth, cloth=True))
        return shapes

    def _torso(self) -> Layer:
        outfit, points = self.outfit, self.points
        hips = [points[f'{side}_hip'] for side, _ in SIDES]
        chest = [
            0.85 * points[f'{side}_shoulder'] + 0.15 * points['neck']
            for side, _ in SIDES
        ]
        belt = [0.25 * points['waist'] + 0.75 * hip for hip in hips]
        shapes = [
            self._shape(
                hips + belt, (0.06, 0.06, 0.058, 0.058), outfit.leg, cloth=True
            ),
            self._shape(
                chest + belt, (0.048, 0.048, 0.062, 0.062), outfit.torso, cloth=True
            ),
        ]
        names = tuple(f'{side}_{p}' for side, _ in SIDES for p in ('shoulder', 'hip'))
        return Layer(shapes, names, self._front())

    def _front(self) -> list[Shape]:
        """Return the collar and zip line that tell a front from a back."""
        points, outfit = self.points, self.outfit
        if self.body.chest[2] < 0.15:
            return []
        collar = [
            0.32 * points[f'{side}_shoulder'] + 0.68 * points['neck']
            for side, _ in SIDES
        ]
        corners = (*collar, points['throat'])
        details = [self._shape(corners, (0.002, 0.002, 0.002), outfit.skin)]
        if outfit.jacket:
            lift = 120 if sum(outfit.torso) < 300 else 0
            tone = tuple(0.45 * c + lift for c in outfit.torso)
            ends = points['throat'], points['belly']
            details.append(self._shape(ends, (0.005, 0.005), tone))
        return details

    def _on_head(self, left, up, forward) -> np.ndarray:
        """Return the px of a point given in half axes of the head."""
        offset = self.body.head @ (np.array((left, up, forward)) * HEAD_AXES)
        return self.points['head'] + self.stature * offset

    def _head(self) -> Layer:
        outfit, points, place = self.outfit, self.points, self._on_head
        throat = 0.5 * points['neck'] + 0.5 * place(0, -0.5, 0)
        shapes = [
            self._shape((points['neck'], throat), (0.034, 0.03), outfit.skin),
            self._shape(
                (place(0, -0.5, 0.2), points['head']),
                (0.044, 0.054),
                outfit.skin,
                girth=False,
            ),
            self._shape(
                (place(0, 0.2, -0.12), place(0, 0, -0.2)),
                (0.063, 0.059),
                outfit.hair,
                girth=False,
            ),
        ]
        names = ('neck', 'head', 'top_head', *FACE_POINTS)
        return Layer(shapes, names, self._face())

    def _face(self) -> list[Shape]:
        """Return what is seen of face, ears and cap."""
        outfit, facing, place = self.outfit, self.body.facing, self._on_head
        shade = tuple(0.72 * c for c in outfit.skin)
        lips = tuple(0.55 * c for c in outfit.skin[:2]) + (0.8 * outfit.skin[2],)
        details = self._patch((-78, 78), (-80, 32), outfit.skin)

        def spot(points, radii, color):
            details.append(self._shape(points, radii, color, girth=False))

        for side, sign in SIDES:
            if facing[f'{side}_ear'] > EAR_SEEN:
                lobe = place(0.98 * sign, -0.15, -0.05)
                spot((place(sign, 0.05, -0.05), lobe), (0.014, 0.011), shade)
            if facing[f'{side}_eye'] > EYE_SEEN:
                eye = self.points[f'{side}_eye']
                spot((eye,), (0.0095,), (35, 32, 38))
        if facing['nose'] > EYE_SEEN:
            spot((place(0, 0.1, 1), place(0, -0.22, 1.12)), (0.004, 0.009), shade)
            spot(
                (place(-0.22, -0.55, 0.8), place(0.22, -0.55, 0.8)), (0.005,) * 2, lips
            )
        if outfit.hat is not None:
            details += self._patch((-180, 180), (28, 90), outfit.hat, 1.1)
            if facing['nose'] > EAR_SEEN:
                brim = [
                    place(x, 0.5, z) for x, z in ((-0.5, 0.9), (0, 1.5), (0.5, 0.9))
                ]
                spot(brim, (0.01,) * 3, tuple(0.8 * c for c in outfit.hat))
        return details

    def _patch(self, azimuths, elevations, color, grow=1.0) -> list[Shape]:
        """Return the seen part of a patch of the head's surface, if any."""
        azimuth = np.deg2rad(np.linspace(*azimuths, 13))
        elevation = np.deg2rad(np.linspace(*elevations, 7))[:, None]
        level = np.cos(elevation)
        normals = np.stack(
            np.broadcast_arrays(
                np.sin(azimuth) * level, np.sin(elevation), np.cos(azimuth) * level
            ),
            axis=-1,
        ).reshape(-1, 3)
        normals = normals[normals @ self.body.head[2] > -0.05]
        if len(normals) < 3:
            return []
        offsets = (normals * (grow * HEAD_AXES)) @ self.body.head[:2].T
        points = self.points['head'][:2] + self.stature * offsets
        hull = cv2.convexHull(points.astype(np.float32))[:, 0]
        return [Shape(hull, np.full(len(hull), 0.1), color)]
