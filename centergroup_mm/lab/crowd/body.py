# SPDX-License-Identifier: Apache-2.0
"""The articulated body: proportions, poses and their view.

Frames. A body has x to its own left, y up and z forward, in units of its
stature. A view has x to the right, y down and the depth growing towards the
camera, also in statures; the projection is orthographic.
"""

from dataclasses import dataclass

import numpy as np

SIDES = (('left', 1.0), ('right', -1.0))

# Lengths in statures; each person scales them a little (`sample_body`).
PROPORTIONS = {
    'shoulder': 0.112,
    'hip': 0.068,
    'torso': 0.29,
    'neck': 0.022,
    'head': 0.128,
    'upper_arm': 0.165,
    'forearm': 0.145,
    'hand': 0.06,
    'thigh': 0.237,
    'shank': 0.235,
    'heel': 0.035,
    'foot': 0.10,
}

# Half axes of the head: to the left, up, forward.
HEAD_AXES = np.array([0.058, 0.078, 0.066])

# Azimuth (to the left) and elevation in degrees on the head's surface.
FACE_POINTS = {
    'nose': (0, -12),
    'left_eye': (27, 8),
    'right_eye': (-27, 8),
    'left_ear': (92, -4),
    'right_ear': (-92, -4),
}

# flexion (mean, sd), abduction (low, high), elbow bend (low, high), twist (mean, sd)
ARM_POSES = {
    'hang': ((0, 12), (4, 20), (0, 40), (-25, 20)),
    'swing': ((0, 35), (3, 16), (15, 70), (-20, 20)),
    'raise': ((0, 20), (115, 172), (0, 70), (-30, 50)),
    'aside': ((8, 20), (55, 105), (0, 95), (-10, 50)),
    'reach': ((70, 22), (-10, 30), (5, 90), (-15, 25)),
    'akimbo': ((-15, 10), (35, 55), (80, 112), (-85, 10)),
    'bent': ((12, 15), (6, 28), (70, 130), (-30, 20)),
}
ARM_WEIGHTS = (0.45, 0.24, 0.08, 0.06, 0.04, 0.06, 0.07)

LEG_POSES = ('stand', 'walk', 'sit', 'crouch', 'step', 'straddle')
LEG_WEIGHTS = (0.5, 0.26, 0.05, 0.03, 0.08, 0.08)


def _turn_x(degrees: float) -> np.ndarray:
    """Bring 'down' forward: flexion of a hanging limb."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]])


def _turn_y(degrees: float) -> np.ndarray:
    """Bring 'forward' to the left."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _turn_z(degrees: float) -> np.ndarray:
    """Bring 'down' to the left: abduction of a hanging left limb."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


DOWN = np.array([0.0, -1.0, 0.0])


@dataclass
class Body:
    """A posed body as a camera sees it, in statures.

    Attributes:
        points (dict[str, np.ndarray]): Name of an anatomical point -> (3,) view
            coordinates (x right, y down, depth towards the camera), the feet's lowest
            point at y = 0.
        facing (dict[str, float]): Name of a face point -> cosine between the surface
            normal there and the direction to the camera.
        head (np.ndarray): (3, 3), columns are the head's left, up and forward in the
            view.
        chest (np.ndarray): (3,) the chest's forward direction in the view.
        girth (float): Factor on all thicknesses.
    """

    points: dict[str, np.ndarray]
    facing: dict[str, float]
    head: np.ndarray
    chest: np.ndarray
    girth: float


def sample_yaw(rng: np.random.Generator) -> float:
    """Degrees the body turns to its left; 0 faces the camera.

    Nine in ten stay within 50 degrees; the others are seen from the back or from a
    side, where left and right are told by face, feet and clothing.
    """
    draw = rng.random()
    if draw < 0.9:
        return float(rng.uniform(-50, 50))
    if draw < 0.96:
        return float(180 + rng.uniform(-50, 50))
    return float(rng.choice((-1, 1)) * rng.uniform(60, 125))


def sample_body(rng: np.random.Generator, camera_pitch: float) -> Body:
    """Draw proportions, a posture and a view.

    Args:
        rng (np.random.Generator): Source of randomness.
        camera_pitch (float): Degrees the camera looks down, shared by a scene.
    """
    size = {k: v * rng.uniform(0.93, 1.07) for k, v in PROPORTIONS.items()}
    roll = rng.uniform(-50, 50) if rng.random() < 0.05 else rng.normal(0, 4)
    view = _turn_z(roll) @ _turn_x(-camera_pitch) @ _turn_y(sample_yaw(rng))

    legs, lean = _sample_legs(rng)
    torso = (
        _turn_z(rng.normal(0, 5))
        @ _turn_x(-lean - rng.normal(3, 5))
        @ _turn_y(rng.normal(0, 10))
    )
    points = {}
    _place_legs(points, legs, size)
    _place_torso_and_arms(points, torso, _sample_arms(rng), size)
    head = torso @ _turn_y(rng.normal(0, 18)) @ _turn_x(rng.normal(0, 8))
    facing = _place_face(points, head, view)

    points = {name: (view @ p) * (1, -1, 1) for name, p in points.items()}
    ground = max(
        points[f'{side}_{end}'][1]
        for side, _ in SIDES
        for end in ('heel', 'toe', 'hip')
    )
    for point in points.values():
        point[1] -= ground
    flip = np.array([[1], [-1], [1]])
    return Body(
        points,
        facing,
        (view @ head) * flip,
        (view @ torso)[:, 2] * flip[:, 0],
        float(rng.uniform(0.9, 1.3)),
    )


def _sample_legs(rng):
    """Return per side (flexion, abduction, knee bend), and the torso's lean."""
    pose = rng.choice(LEG_POSES, p=LEG_WEIGHTS)
    flex, spread, knee = (
        rng.normal(0, 5, 2),
        rng.uniform(2, 10, 2),
        rng.uniform(0, 10, 2),
    )
    lean = 0.0
    if pose == 'walk':
        stride = rng.uniform(12, 35)
        flex += (stride, -0.8 * stride)
        knee += (0, rng.uniform(10, 55))
    elif pose == 'sit':
        flex += rng.normal(82, 8)
        knee += rng.normal(80, 12)
        spread += rng.uniform(0, 14)
    elif pose == 'crouch':
        flex += rng.uniform(85, 115)
        knee += rng.uniform(95, 135)
        spread += rng.uniform(5, 22)
        lean = rng.uniform(10, 35)
    elif pose == 'step':
        flex += (rng.uniform(35, 85), 0)
        knee += (rng.uniform(20, 90), 0)
    elif pose == 'straddle':
        spread += rng.uniform(10, 24)
    legs = list(zip(flex, spread, knee, strict=True))
    return (legs if rng.random() < 0.5 else legs[::-1]), lean


def _sample_arms(rng):
    """Return per side (flexion, abduction, elbow bend, twist) in degrees."""
    names = list(ARM_POSES)
    first = rng.choice(len(names), p=ARM_WEIGHTS)
    second = first if rng.random() < 0.45 else rng.choice(len(names), p=ARM_WEIGHTS)
    arms = []
    for pick in (first, second) if rng.random() < 0.5 else (second, first):
        flex, spread, elbow, twist = ARM_POSES[names[pick]]
        arms.append(
            (
                rng.normal(*flex),
                rng.uniform(*spread),
                rng.uniform(*elbow),
                rng.normal(*twist),
            )
        )
    return arms


def _place_legs(points, legs, size):
    for (side, sign), (flex, spread, knee) in zip(SIDES, legs, strict=True):
        upper = _turn_x(flex) @ _turn_z(sign * spread)
        lower = upper @ _turn_x(-knee)
        hip = np.array([sign * size['hip'], 0, 0])
        points[f'{side}_hip'] = hip
        points[f'{side}_knee'] = hip + size['thigh'] * upper @ DOWN
        ankle = points[f'{side}_knee'] + size['shank'] * lower @ DOWN
        points[f'{side}_ankle'] = ankle
        # Feet point outwards a little.
        foot = lower @ _turn_y(sign * 12)
        points[f'{side}_heel'] = ankle + foot @ (0, -size['heel'] + 0.012, -0.012)
        points[f'{side}_toe'] = ankle + foot @ (0, -size['heel'], size['foot'])


def _place_torso_and_arms(points, torso, arms, size):
    top = size['torso']
    for (side, sign), (flex, spread, elbow, twist) in zip(SIDES, arms, strict=True):
        upper = torso @ _turn_x(flex) @ _turn_z(sign * spread)
        lower = upper @ _turn_y(sign * twist) @ _turn_x(elbow)
        lift = 0.03 if spread > 100 else 0.0
        shoulder = torso @ (sign * size['shoulder'], top + lift, 0)
        points[f'{side}_shoulder'] = shoulder
        points[f'{side}_elbow'] = shoulder + size['upper_arm'] * upper @ DOWN
        wrist = points[f'{side}_elbow'] + size['forearm'] * lower @ DOWN
        points[f'{side}_wrist'] = wrist
        points[f'{side}_hand'] = wrist + size['hand'] * lower @ DOWN
    points['neck'] = torso @ (0, top + size['neck'], 0)
    points['throat'] = torso @ (0, top - 0.055, 0.055)
    points['belly'] = torso @ (0, 0.02, 0.06)
    points['back'] = torso @ (0, 0.62 * top, -0.07)
    points['waist'] = torso @ (0, 0.3 * top, 0)
    points['head'] = torso @ (0, top + size['head'], 0.008)


def _place_face(points, head, view):
    facing = {}
    for name, (azimuth, elevation) in FACE_POINTS.items():
        normal = _turn_y(azimuth) @ _turn_x(elevation) @ (0, 0, 1)
        points[name] = points['head'] + head @ (normal * HEAD_AXES)
        facing[name] = float((view @ head @ normal)[2])
    points['top_head'] = points['head'] + head @ (0, 0.9 * HEAD_AXES[1], 0)
    return facing
