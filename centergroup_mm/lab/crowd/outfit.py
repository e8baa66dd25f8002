# SPDX-License-Identifier: Apache-2.0
"""What people wear, drawn so that color tells neither limb, side nor person."""

from dataclasses import dataclass

import numpy as np

Color = tuple[float, float, float]

_SKINS = (
    (196, 214, 240),
    (150, 180, 225),
    (110, 145, 200),
    (75, 105, 160),
    (45, 65, 105),
)
_HAIRS = ((25, 25, 30), (30, 45, 75), (60, 95, 140), (95, 160, 200), (120, 120, 125))


@dataclass(frozen=True)
class Outfit:
    """What a person wears; a scene has few, and several persons share one.

    Arms and legs, and hands and feet, draw their colors and sleeve lengths
    from the same distributions, and both sides are alike, so that a limb's
    color tells neither its type nor its side.

    Attributes:
        skin, hair: Colors (BGR, 0-255).
        torso, arm, leg, hand, foot: Colors of the clothes.
        arm_sleeve, leg_sleeve: How far cloth reaches down a limb, 0 to 2, in
            segments of the limb.
        hat (Color | None): Color of a cap, or None.
        jacket (bool): Whether the front shows a zip line down to the belt.
        pattern (int): Index of the cloth pattern.
    """

    skin: Color
    hair: Color
    torso: Color
    arm: Color
    leg: Color
    hand: Color
    foot: Color
    arm_sleeve: float
    leg_sleeve: float
    hat: Color | None
    jacket: bool
    pattern: int


@dataclass(frozen=True)
class Palette:
    """A scene's colors, shared by its people."""

    cloths: list[Color]
    skins: list[Color]
    hairs: list[Color]


def sample_palette(rng: np.random.Generator) -> Palette:
    """Draw the few colors of a scene."""
    return Palette(
        skins=_choose(rng, _SKINS, rng.integers(1, 4)),
        hairs=_choose(rng, _HAIRS, rng.integers(1, 4)),
        cloths=[_sample_cloth(rng) for _ in range(rng.integers(2, 6))],
    )


def sample_outfit(rng: np.random.Generator, palette: Palette) -> Outfit:
    """Draw an outfit from a scene's colors."""
    cloths = palette.cloths

    def pick(colors):
        return colors[rng.integers(len(colors))]

    torso, skin = pick(cloths), pick(palette.skins)
    arm, leg = (torso if rng.random() < 0.35 else pick(cloths) for _ in range(2))
    hand, foot = (skin if rng.random() < 0.6 else pick(cloths) for _ in range(2))
    arm_sleeve, leg_sleeve = (
        2.0 if rng.random() < 0.4 else rng.uniform(0.2, 1.9) for _ in range(2)
    )
    return Outfit(
        skin=skin,
        hair=pick(palette.hairs),
        torso=torso,
        arm=arm,
        leg=leg,
        hand=hand,
        foot=foot,
        arm_sleeve=arm_sleeve,
        leg_sleeve=leg_sleeve,
        hat=pick(cloths) if rng.random() < 0.15 else None,
        jacket=bool(rng.random() < 0.5),
        pattern=int(rng.integers(4)),
    )


def _sample_cloth(rng) -> Color:
    """Return a gray, a muted or a strong color."""
    value, strength = rng.uniform(25, 240), rng.choice((0.1, 0.45, 0.9))
    return tuple(value * (1 - strength * rng.uniform(0, 1, 3)))


def _choose(rng, colors, count) -> list[Color]:
    """Return `count` of the colors, each a little changed."""
    picks = rng.choice(len(colors), count, replace=False)
    return [
        tuple(np.clip(np.array(colors[i]) + rng.normal(0, 8, 3), 5, 250)) for i in picks
    ]
