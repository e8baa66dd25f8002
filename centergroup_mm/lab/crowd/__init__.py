# SPDX-License-Identifier: Apache-2.0
"""A crowd of drawn people with COCO-format annotations.

The pictures are as hard to group as real crowds: bodies overlap, several people
wear the same clothes, and a limb's color tells neither its type nor its side.
"""

from .generate import CrowdSpec, generate_crowd, holds_crowd, make_image

__all__ = ['CrowdSpec', 'generate_crowd', 'holds_crowd', 'make_image']
