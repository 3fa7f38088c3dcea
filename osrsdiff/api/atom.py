"""Events as an Atom feed (RFC 4287). Pure: a description in, the XML out; it knows no URLs but those it is given."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET

from msgspec import Struct

MEDIA_TYPE = "application/atom+xml"
_NAMESPACE = "http://www.w3.org/2005/Atom"
# XML 1.0 has no way to write these
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Entry(Struct, frozen=True):
    """One thing that happened. `identity`: unique and the same for ever. `href`: what tells more of it."""

    identity: str
    title: str
    updated: datetime
    href: str
    category: str


class Feed(Struct, frozen=True):
    """A feed. `updated`: when the newest entry happened. `href`: the feed's own place, `alternate`: the same as JSON.

    `begun_at` stands for the time of the newest entry where there is none.
    """

    identity: str
    title: str
    href: str
    alternate: str
    begun_at: datetime
    entries: Sequence[Entry]


def written(feed: Feed) -> bytes:
    """The feed as an XML document in UTF-8."""
    root = ET.Element("feed", {"xmlns": _NAMESPACE, "xml:lang": "en"})
    _text(root, "id", feed.identity)
    _text(root, "title", feed.title)
    _text(root, "updated", _time(max((entry.updated for entry in feed.entries), default=feed.begun_at)))
    _link(root, "self", MEDIA_TYPE, feed.href)
    _link(root, "alternate", "application/json", feed.alternate)
    _text(ET.SubElement(root, "author"), "name", "osrsdiff")
    _text(root, "generator", "osrsdiff")
    for entry in feed.entries:
        _add(root, entry)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def identity_of(*parts: object) -> str:
    """A URN that is the same for the same parts, and no other's."""
    return uuid5(NAMESPACE_URL, "/".join(map(str, parts))).urn


def _add(root: ET.Element, entry: Entry) -> None:
    node = ET.SubElement(root, "entry")
    _text(node, "id", entry.identity)
    _text(node, "title", entry.title)
    _text(node, "updated", _time(entry.updated))
    _text(node, "published", _time(entry.updated))
    _link(node, "alternate", "application/json", entry.href)
    ET.SubElement(node, "category", {"term": entry.category})


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = _UNWRITABLE.sub("\ufffd", text)


def _link(parent: ET.Element, relation: str, media_type: str, href: str) -> None:
    ET.SubElement(parent, "link", {"rel": relation, "type": media_type, "href": href})


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
