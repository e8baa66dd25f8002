# SPDX-License-Identifier: Apache-2.0
"""The rules of a dataset's metainfo: keypoint types, mirror images, links, sigmas.

The host reads metainfo as it stands: entries in another order than their numbers, or
types that do not swap with each other, mirror samples wrongly without a word. Here
what has one meaning is put in order, and what has none is an error.
"""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from math import inf
from reprlib import repr as short_repr

REQUIRED = ('dataset_name', 'keypoint_info', 'skeleton_info', 'joint_weights')


def check_metainfo(metainfo: Mapping, source: str) -> tuple[dict, list[str]]:
    """Check metainfo, and put it into the form that the host reads correctly.

    - Keypoints are numbered from 0 or from 1 on, in any order; they come back in the
      order of their numbers, from 0 on. The number is the place in an annotation.
    - Every keypoint has a name of its own. ``swap`` names its mirror image, which
      must name it in return or say nothing, and is then completed; '' or its own name
      says that there is none.
    - A link names two keypoints.
    - ``sigmas`` has a positive number for each keypoint, or is empty or left out: then
      it comes back empty, and metrics that need it must do without.
    - ``joint_weights`` has a number for each keypoint. With a wrong count, as in two
      files of MMPose, all become 1: no model here reads them.

    Args:
        metainfo (Mapping): As MMPose's ``dataset_info``.
        source (str): Its file, for the messages.

    Returns:
        tuple[dict, list[str]]: The metainfo in order, and sentences on what was
        changed that its owner should know.

    Raises:
        ValueError: At the first fault, naming source, keypoint, what was found and
            what was expected.
    """
    checker = _Checker(source)
    if not isinstance(metainfo, Mapping):
        checker.fail(f'the metainfo is {short_repr(metainfo)}', 'a dict')
    for key in REQUIRED:
        if key not in metainfo:
            checker.fail(
                f'the metainfo has no "{key}"', f'{", ".join(REQUIRED)} and sigmas'
            )
    keypoints = checker.numbered(metainfo['keypoint_info'])
    checker.name(keypoints)
    names = [keypoint['name'] for keypoint in keypoints]
    checker.pair(keypoints)
    return {
        **metainfo,
        'keypoint_info': dict(enumerate(keypoints)),
        'skeleton_info': checker.links(metainfo['skeleton_info'], names),
        'joint_weights': checker.weights(metainfo['joint_weights'], len(names)),
        'sigmas': checker.sigmas(metainfo.get('sigmas', ()), len(names)),
    }, checker.remarks


def name_elsewhere(listed: object, types: Sequence[str]) -> str:
    """Compare the names that an annotation file lists with those of the metainfo.

    Files that list nothing, or types by other names, are fine.

    Args:
        listed (object): "keypoints" of the category.
        types (Sequence[str]): Names in the metainfo, in order.

    Returns:
        str: A sentence on the first that is elsewhere, where all names are the same.
    """
    if not isinstance(listed, list):
        return ''
    theirs, ours = (
        [str(name).lower().replace(' ', '_').replace('-', '_') for name in names]
        for names in (listed, types)
    )
    if theirs == ours or sorted(theirs) != sorted(ours):
        return ''
    place = next(i for i, name in enumerate(theirs) if name != ours[i])
    return (
        f'its category lists {listed[place]!r} as keypoint {place}, where the metainfo '
        f'has {types[place]!r}: one of them is in the wrong order, and if it is the '
        'metainfo, wrong types are learned and mirrored.'
    )


class _Checker:
    """The rules one by one, for one source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.remarks = []

    def fail(self, found: str, expected: str) -> None:
        raise ValueError(f'{self.source}: {found}; expected {expected}.')

    def numbered(self, keypoint_info: object) -> list[dict]:
        """Keypoints in the order of their numbers."""
        entries = self._entries('keypoint_info', keypoint_info, 'name')
        if not entries:
            self.fail('"keypoint_info" is empty', 'one keypoint type at least')
        numbers, last = list(entries), len(entries) - 1
        expected = (
            f'the {last + 1} numbers from 0 to {last} (or from 1 to {last + 1}), the '
            'places of the keypoints in an annotation'
        )
        if not all(_is_integer(number) for number in numbers):
            self.fail(f'keypoint_info has the keys {short_repr(numbers)}', expected)
        first = min(numbers)
        if first not in (0, 1) or max(numbers) != first + last:
            self.fail(f'keypoint_info has the keys {short_repr(numbers)}', expected)
        numbers.sort()
        ids = [entries[number].get('id', number) for number in numbers]
        # The host ignores ids, and some of its own files have stale ones. Where they
        # number the keypoints in another order, nobody knows which is meant.
        if _is_numbering(ids) and ids != sorted(ids):
            number, other = next(
                pair for pair in zip(numbers, ids, strict=True) if pair[0] != pair[1]
            )
            self.fail(
                f'keypoint {number} ({entries[number]["name"]!r}) has the "id" {other}',
                'the same number twice: its key in keypoint_info is its place in an '
                'annotation',
            )
        return [dict(entries[number]) for number in numbers]

    def name(self, keypoints: Sequence[dict]) -> None:
        """Every keypoint has a name of its own."""
        places = {}
        for place, keypoint in enumerate(keypoints):
            name = keypoint['name']
            if not isinstance(name, str) or not name.strip():
                self.fail(f'keypoint {place} has the name {name!r}', 'a text')
            if name in places:
                self.fail(
                    f'keypoints {places[name]} and {place} have the same name, '
                    f'{name!r}',
                    'a name of its own for each, by which "swap" and links find it',
                )
            places[name] = place
            self._color(f'keypoint {name!r}', keypoint)

    def pair(self, keypoints: Sequence[dict]) -> None:
        """Complete ``swap`` so that mirror images name each other."""
        by_name = {keypoint['name']: keypoint for keypoint in keypoints}
        mirrors = {}
        for name, keypoint in by_name.items():
            mirror = keypoint.get('swap') or ''
            self._known(mirror or name, by_name, f'"swap" of keypoint {name!r}')
            if mirror not in ('', name):
                mirrors[name] = mirror
        for name, mirror in list(mirrors.items()):
            back = mirrors.setdefault(mirror, name)
            if back != name:
                self.fail(
                    f'"swap" of keypoint {name!r} is {mirror!r}, but that of '
                    f'{mirror!r} is {back!r}',
                    'two keypoints that name each other, as left and right do, or '
                    "'' for one that has no mirror image",
                )
            if by_name[mirror].get('swap') in (None, '', mirror):
                self.remarks.append(
                    f'{self.source}: "swap" of keypoint {name!r} is {mirror!r}, and '
                    f'{mirror!r} names none; they are taken as mirror images of each '
                    f"other. Say swap='{name}' there, or swap='' here."
                )
        for name, keypoint in by_name.items():
            keypoint['swap'] = mirrors.get(name, '')

    def links(self, skeleton_info: object, names: Collection[str]) -> dict:
        """Lines to draw between keypoints."""
        entries = self._entries('skeleton_info', skeleton_info, 'link')
        for key, entry in entries.items():
            place, link = f'link {key!r} of skeleton_info', entry['link']
            if not isinstance(link, list | tuple) or len(link) != 2:
                self.fail(
                    f'{place} is {short_repr(link)}', 'the names of two keypoints'
                )
            for name in link:
                self._known(name, names, place)
            self._color(place, entry)
        return dict(entries)

    def sigmas(self, sigmas: object, count: int) -> list[float]:
        values = self._numbers('sigmas', sigmas)
        if len(values) not in (0, count):
            self.fail(
                f'"sigmas" has {len(values)} numbers for {count} keypoints',
                'one for each, by which the COCO evaluation judges distances, or none',
            )
        if not all(value > 0 for value in values):
            self.fail(
                f'"sigmas" has the value {next(v for v in values if v <= 0)}',
                'numbers above 0: how far, as a share of a person, two annotators are '
                'apart',
            )
        return values

    def weights(self, weights: object, count: int) -> list[float]:
        values = self._numbers('joint_weights', weights)
        if any(value < 0 for value in values):
            self.fail(
                f'"joint_weights" has the value {min(values)}', 'no negative number'
            )
        if len(values) != count:
            self.remarks.append(
                f'{self.source}: "joint_weights" has {len(values)} numbers for {count} '
                'keypoints; expected one for each. No model here reads them: all are '
                'taken as 1.'
            )
            return [1.0] * count
        return values

    def _entries(self, key: str, value: object, needed: str) -> Mapping:
        form = f'a dict of dicts {{0: dict({needed}=...), ...}}'
        if not isinstance(value, Mapping):
            self.fail(f'"{key}" is {short_repr(value)}', form)
        for number, entry in value.items():
            if not isinstance(entry, Mapping) or needed not in entry:
                self.fail(f'entry {number!r} of "{key}" is {short_repr(entry)}', form)
        return value

    def _known(self, name: object, names: Collection[str], place: str) -> None:
        if isinstance(name, str) and name in names:
            return
        expected = 'the name of a keypoint in keypoint_info'
        if isinstance(name, str):
            close = get_close_matches(name, names, n=1)
            expected += f', perhaps {close[0]!r}' if close else ''
        self.fail(f'{place} names {name!r}, which is no keypoint', expected)

    def _numbers(self, key: str, values: object) -> list[float]:
        expected = 'a list of finite numbers'
        if isinstance(values, str | Mapping) or not hasattr(values, '__iter__'):
            self.fail(f'"{key}" is {short_repr(values)}', expected)
        values = list(values)
        for value in values:
            if isinstance(value, bool) or not _is_finite(value):
                self.fail(f'"{key}" has the value {short_repr(value)}', expected)
        return values

    def _color(self, place: str, entry: Mapping) -> None:
        color = entry.get('color')
        if color is None:
            return
        if not isinstance(color, list | tuple) or not (
            len(color) == 3 and all(_is_integer(c) and 0 <= c <= 255 for c in color)
        ):
            self.fail(
                f'the color of {place} is {short_repr(color)}',
                'three integers from 0 to 255: blue, green, red',
            )


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: object) -> bool:
    # Numbers of numpy too: metainfo files are Python.
    try:
        return -inf < float(value) < inf and not isinstance(value, str)
    except (TypeError, ValueError, OverflowError):
        return False


def _is_numbering(ids: Sequence) -> bool:
    """Whether it holds each number from 0 or from 1 on once."""
    if not all(_is_integer(identity) for identity in ids):
        return False
    return sorted(ids) in (list(range(len(ids))), list(range(1, len(ids) + 1)))
