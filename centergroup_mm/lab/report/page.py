# SPDX-License-Identifier: Apache-2.0
"""A page that stands alone: no scripts, no files beside it, no network."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

# All text is escaped on its way into a page.
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name('templates')),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title (str): Its heading.
        template (str): The file in ``templates`` that lays it out.
        data (Mapping[str, object]): What the template shows.
        lead (str): A sentence or two below the heading.
    """

    title: str
    template: str
    data: Mapping[str, object]
    lead: str = ''


@dataclass(frozen=True)
class Picture:
    """An image that lies within the page.

    Attributes:
        jpeg (bytes): The image file.
        description (str): For those who do not see it.
    """

    jpeg: bytes
    description: str

    @property
    def base64(self) -> str:
        """The file as text."""
        return base64.b64encode(self.jpeg).decode('ascii')


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Put a page together.

    Args:
        title (str): Its title.
        lead (str): What it is about.
        sections (Sequence[Section]): From top to bottom.

    Returns:
        str: HTML.
    """
    template = _TEMPLATES.get_template('page.html')
    return template.render(title=title, lead=lead, sections=sections)
