"""The page at /docs: whole, self-contained, safe."""

import re
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest

from osrsdiff.api import docs, openapi, problems
from osrsdiff.api.routes import ROUTES

Ask = Callable[..., Awaitable[SimpleNamespace]]

DOCUMENT = openapi.document(ROUTES, public_read=True)
PAGE = docs.page(DOCUMENT)


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(PAGE)


def test_nothing_is_loaded_and_no_script_runs(page: Page) -> None:
    assert not {"script", "link", "img", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not {"src", "srcset", "style"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
        assert re.fullmatch(r"#.+|/openapi\.json", attributes.get("href") or "#x")
    assert "url(" not in PAGE
    assert "@import" not in PAGE


def test_tags_are_balanced_and_ids_unique(page: Page) -> None:
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_link_inside_the_page_leads_somewhere(page: Page) -> None:
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = {str(attributes["href"])[1:] for tag, attributes in page.tags if tag == "a"} - {"openapi.json"}
    assert links <= ids


@pytest.mark.parametrize("kind", problems.KINDS, ids=lambda kind: kind.slug)
def test_the_type_of_each_problem_leads_to_its_description(page: Page, kind: problems.Kind) -> None:
    assert kind.type.removeprefix("/docs#") in {attributes.get("id") for _, attributes in page.tags}


def test_every_route_is_on_the_page() -> None:
    for route in ROUTES:
        assert f'id="{route.name}"' in PAGE
        assert f"<code>{route.path}</code>" in PAGE


def test_markup_in_the_document_is_shown_not_obeyed() -> None:
    evil = "<script>alert(1)</script>\"'`<b>`"
    document = _with_every_text(DOCUMENT, evil)
    written = docs.page(document)
    assert "<script" not in written
    assert "<b>" not in written
    assert "&lt;script&gt;" in written


def _with_every_text(node: Any, evil: str) -> Any:
    """The document with each description, summary and title replaced."""
    if isinstance(node, dict):
        return {
            key: evil
            if key in ("description", "summary", "title") and isinstance(value, str)
            else _with_every_text(value, evil)
            for key, value in node.items()
        }
    return [_with_every_text(item, evil) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_the_page_is_served_under_a_policy_that_allows_its_style_alone(api: Ask) -> None:
    answer = await api("GET", "/docs", token=None)
    assert (answer.status, answer.type) == (200, "text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers.getall("Content-Security-Policy") == [policy]
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style
    assert docs.hash_of(style[1]) in policy


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_the_front_leads_to_the_page(api: Ask) -> None:
    answer = await api("GET", "/", token=None)
    assert (answer.status, answer.headers["Location"]) == (302, "/docs")
