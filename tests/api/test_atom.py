"""Atom documents held against what RFC 4287 asks for."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest

from osrsdiff.api.atom import Entry, Feed, identity_of, written

ATOM = "{http://www.w3.org/2005/Atom}"
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
ODD = "Vet'ion & <b>\"K'ril\"</b> ]]> é 战士 \u0001\ufffe\x1f"


def entry(number: int, title: str = "something") -> Entry:
    at = BEGUN + timedelta(hours=number)
    return Entry(identity_of("test", number), title, at, f"/api/v1/players/p%20{number}/events", "level_up")


def feed(*entries: Entry, title: str = "osrsdiff") -> Feed:
    return Feed(identity_of("test"), title, "/feed.atom", "/api/v1/events", BEGUN, entries)


def children(node: ET.Element) -> Counter[str]:
    return Counter(child.tag.removeprefix(ATOM) for child in node)


@pytest.mark.parametrize("given", [feed(), feed(entry(2), entry(1)), feed(entry(1, ODD), title=ODD)])
def test_a_feed_has_what_it_must_have_and_nothing_twice(given: Feed) -> None:
    document = written(given)
    assert document.startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    root = ET.fromstring(document)
    assert root.tag == f"{ATOM}feed"
    assert all(node.tag.startswith(ATOM) for node in root.iter())
    found = children(root)
    assert (found["id"], found["title"], found["updated"], found["author"]) == (1, 1, 1, 1)
    assert root.findtext(f"{ATOM}author/{ATOM}name")
    assert max(found["generator"], found["subtitle"], found["rights"], found["icon"], found["logo"]) <= 1
    for node in [root, *root.iter(f"{ATOM}entry")]:
        inside = children(node)
        assert (inside["id"], inside["title"], inside["updated"]) == (1, 1, 1)
        identity = node.findtext(f"{ATOM}id") or ""
        assert UUID(identity.removeprefix("urn:uuid:")).urn == identity
        dates = [*node.findall(f"{ATOM}updated"), *node.findall(f"{ATOM}published")]
        assert all(DATE_TIME.fullmatch(date.text or "") for date in dates)
        links = [(link.get("rel"), link.get("type")) for link in node.findall(f"{ATOM}link")]
        assert len(links) == len(set(links))
        assert all(link.get("href") for link in node.findall(f"{ATOM}link"))
        # an entry without content must lead to it
        assert "alternate" in {relation for relation, _ in links}
        assert all(category.get("term") for category in node.findall(f"{ATOM}category"))
    assert "self" in {link.get("rel") for link in root.findall(f"{ATOM}link")}
    ids = [node.findtext(f"{ATOM}id") for node in [root, *root.iter(f"{ATOM}entry")]]
    assert len(ids) == len(set(ids))


def test_what_is_written_is_read_back_but_for_what_xml_cannot_say() -> None:
    root = ET.fromstring(written(feed(entry(1, ODD))))
    assert root.findtext(f"{ATOM}entry/{ATOM}title") == ODD[:-3] + "\ufffd" * 3


def test_a_feed_is_as_new_as_its_newest_entry() -> None:
    assert ET.fromstring(written(feed())).findtext(f"{ATOM}updated") == "2026-01-01T00:00:00Z"
    elsewhere = Entry("urn:x", "x", datetime(2026, 1, 5, 2, tzinfo=timezone(timedelta(hours=3))), "/", "x")
    root = ET.fromstring(written(feed(entry(1), elsewhere, entry(2))))
    assert root.findtext(f"{ATOM}updated") == "2026-01-04T23:00:00Z"


def test_ids_are_the_same_for_ever_and_no_others() -> None:
    assert identity_of("osrsdiff:1:", "event", 7) == "urn:uuid:8eb5ba6d-a5e0-51f3-90a3-430154f8972e"
    assert len({identity_of("a", "event", 7), identity_of("b", "event", 7), identity_of("a", "feed", 7)}) == 3
