# SPDX-License-Identifier: Apache-2.0
"""What people wear, drawn so that colour tells neither limb, side nor person."""

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]

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

    Arms and legs, and hands and feet, draw their colours and sleeve lengths
    from the same distributions, and both sides are alike, so that a limb's
    colour tells neither its type nor its side.

    Attributes:
        skin, hair: Colours (BGR, 0-255).
        torso, arm, leg, hand, foot: Colours of the clothes.
        arm_sleeve, leg_sleeve: How far cloth reaches down a limb, 0 to 2, in
            segments of the limb.
        hat: Colour of a cap, or None.
        jacket: Whether the front shows a zip line down to the belt.
        pattern: Index of the cloth pattern.
    """

    skin: Colour
    hair: Colour
    torso: Colour
    arm: Colour
    leg: Colour
    hand: Colour
    foot: Colour
    arm_sleeve: float
    leg_sleeve: float
    hat: Colour | None
    jacket: bool
    pattern: int


@dataclass(frozen=True)
class Palette:
    """A scene's colours, shared by its people."""

    cloths: list[Colour]
    skins: list[Colour]
    hairs: list[Colour]


def sample_palette(rng: np.random.Generator) -> Palette:
    """Draw the few colours of a scene."""
    return Palette(
        skins=_choose(rng, _SKINS, rng.integers(1, 4)),
        hairs=_choose(rng, _HAIRS, rng.integers(1, 4)),
        cloths=[_sample_cloth(rng) for _ in range(rng.integers(2, 6))],
    )


def sample_outfit(rng: np.random.Generator, palette: Palette) -> Outfit:
    """Draw an outfit from a scene's colours."""
    cloths = palette.cloths

    def pick(colours):
        return colours[rng.integers(len(colours))]

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


def _sample_cloth(rng) -> Colour:
    """Return a grey, a muted or a strong colour."""
    value, strength = rng.uniform(25, 240), rng.choice((0.1, 0.45, 0.9))
    return tuple(value * (1 - strength * rng.uniform(0, 1, 3)))


def _choose(rng, colours, count) -> list[Colour]:
    """Return `count` of the colours, each a little changed."""
    picks = rng.choice(len(colours), count, replace=False)
    return [
        tuple(np.clip(np.array(colours[i]) + rng.normal(0, 8, 3), 5, 250))
        for i in picks
    ]
