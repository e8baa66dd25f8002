# SPDX-License-Identifier: Apache-2.0
"""Parts of a page that stands alone: no scripts, no files beside it, no network."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .style import STYLE


class Markup(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title (str): Its heading.
        body (Markup): What is below.
        lead (str): A sentence or two in between.
    """

    title: str
    body: Markup
    lead: str = ''


def text(value: object) -> Markup:
    """Text as HTML; markup stays what it is."""
    return value if isinstance(value, Markup) else Markup(escape(str(value)))


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Put a page together.

    Args:
        title (str): Its title.
        lead (str): What it is about.
        sections (Sequence[Section]): From top to bottom.

    Returns:
        str: HTML.
    """
    parts = [
        f'<section aria-labelledby="s{number}"><h2 id="s{number}">'
        f'{text(section.title)}</h2>'
        + (f'<p>{text(section.lead)}</p>' if section.lead else '')
        + f'{section.body}</section>'
        for number, section in enumerate(sections, 1)
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        # Without one, browsers ask the server for an icon.
        '<link rel="icon" href="data:,">'
        f'<title>{text(title)}</title><style>{STYLE}</style></head>\n<body><main>'
        f'<header><h1>{text(title)}</h1><p>{text(lead)}</p></header>\n'
        + '\n'.join(parts)
        + '\n</main></body></html>\n'
    )


def table(
    caption: str,
    header: Sequence[object],
    rows: Sequence[Sequence[object]],
    note: str = '',
) -> Markup:
    """A table whose first column names its rows.

    Args:
        caption (str): What it shows.
        header (Sequence[object]): Titles of the columns.
        rows (Sequence[Sequence[object]]): Cells, text or :class:`Markup`.
        note (str): Below it.

    Returns:
        Markup: HTML.
    """
    head = ''.join(f'<th scope="col">{text(cell)}</th>' for cell in header)
    body = ''.join(
        f'<tr><th scope="row">{text(first)}</th>'
        + ''.join(f'<td>{text(cell)}</td>' for cell in rest)
        + '</tr>'
        for first, *rest in rows
    )
    return Markup(
        # Focusable, so that a table wider than the window scrolls by keyboard too.
        f'<div><div class="table" tabindex="0" role="region" '
        f'aria-label="{escape(caption)}"><table><caption>{text(caption)}</caption><thead><tr>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div>'
        + (f'<p class="note">{text(note)}</p>' if note else '')
        + '</div>'
    )


def bar(share: float, label: object = '') -> Markup:
    """A number with a bar as long as ``share``, 0 to 1, says."""
    width = 100 * min(max(share, 0.0), 1.0)
    return Markup(
        f'<span class="bar"><span>{text(label)}</span>'
        f'<span><i style="width:{width:.1f}%"></i></span></span>'
    )


def tiles(values: Sequence[tuple[str, str]]) -> Markup:
    """A few numbers to see first, as (value, name)."""
    return Markup(
        '<dl class="tiles">'
        + ''.join(
            f'<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>'
            for value, name in values
        )
        + '</dl>'
    )


def picture(content: bytes, description: str, kind: str = 'jpeg') -> Markup:
    """An image that lies within the page.

    Args:
        content (bytes): The image file.
        description (str): For those who do not see it.
        kind (str): 'jpeg' or 'png'. Defaults to 'jpeg'.

    Returns:
        Markup: HTML.
    """
    data = base64.b64encode(content).decode('ascii')
    return Markup(
        f'<img alt="{escape(description)}" src="data:image/{kind};base64,{data}">'
    )


def group(kind: str, parts: Sequence[Markup]) -> Markup:
    """Parts that are laid out together, by a class of the style."""
    return Markup(f'<div class="{kind}">{"".join(parts)}</div>')


def figure(pictures: Sequence[Markup], caption: object) -> Markup:
    """Pictures next to each other, below each other in a narrow window."""
    return Markup(
        f'<figure>{group("pictures", pictures)}'
        f'<figcaption>{text(caption)}</figcaption></figure>'
    )


def details(summary: str, body: Markup) -> Markup:
    """Something to be opened by those who want it."""
    return Markup(f'<details><summary>{text(summary)}</summary>{body}</details>')
