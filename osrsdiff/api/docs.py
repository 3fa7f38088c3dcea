"""The page at /docs, written on the server from the OpenAPI document. Pure: one string, nothing loaded, no script.

All that comes from the document is escaped; only backticks are given a meaning, as code.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import quote

Node = Mapping[str, Any]

_STYLE = """
:root { color-scheme: light dark; --text: #1d2430; --soft: #525c6b; --page: #fbfaf7; --card: #fff; --line: #d9d6cd;
  --code: #f1efe8; --link: #0b5cad; --get: #0b6b3a; --write: #8a4b00; --delete: #a3212f; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e6ea; --soft: #a4adbb; --page: #14171c; --card: #1b1f26;
  --line: #343a45; --code: #232831; --link: #7db7f5; --get: #6fd09b; --write: #eab268; --delete: #f2919b; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
header, main, footer { max-width: 62rem; margin: 0 auto; padding: 1.25rem 1rem; }
h1 { margin: 0; font-size: 1.9rem; } h1 small { color: var(--soft); font-size: 1rem; font-weight: 400; }
h2 { margin: 2.5rem 0 1rem; font-size: 1.4rem; } h3 { margin: 0; font-size: 1.1rem; }
h4 { margin: 1.25rem 0 .4rem; font-size: .95rem; }
p { margin: .5rem 0; } a { color: var(--link); } a:focus-visible, summary:focus-visible, .scroll:focus-visible {
  outline: 2px solid var(--link); outline-offset: 2px; }
code, pre { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; font-size: .88em; }
code { background: var(--code); padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere; }
pre { margin: .4rem 0; padding: .75rem; background: var(--code); border-radius: 6px; }
pre code { padding: 0; background: none; font-size: 1em; overflow-wrap: normal; }
.card { margin: 1rem 0; padding: 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.call { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem .6rem; }
.call h3 { flex: 1 1 100%; }
.method { font-weight: 700; font-size: .85rem; letter-spacing: .03em; } .get { color: var(--get); }
.post, .patch { color: var(--write); } .delete { color: var(--delete); }
.soft { color: var(--soft); font-size: .92rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { padding: .4rem .75rem .4rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { border-top: 0; color: var(--soft); font-weight: 600; }
th[scope=row] { font-weight: 400; white-space: nowrap; }
td:last-child { min-width: 14rem; padding-right: 0; }
nav ul { margin: .25rem 0; padding: 0; list-style: none; columns: 17rem; } nav li { padding: .15rem 0; }
summary { cursor: pointer; color: var(--link); }
:target { outline: 2px solid var(--link); outline-offset: 4px; border-radius: 4px; }
"""


def hash_of(style: str) -> str:
    """What a Content-Security-Policy calls an inline style."""
    return f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"


HEADERS: Mapping[str, str] = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {hash_of(_STYLE)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


def page(document: Node) -> str:
    """The whole page."""
    info = document["info"]
    tags = document["tags"]
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body>",
            f"<header><h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>",
            f"<p>{_text(info['summary'])}</p><p>{_text(info['description'])}</p>",
            '<p><a href="/openapi.json">OpenAPI document</a></p></header><main>',
            _contents(document),
            *(_tag(document, tag) for tag in tags),
            _problems(document["components"]["responses"]),
            _schemas(document["components"]["schemas"]),
            "</main></body></html>",
        ]
    )


def _operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _contents(document: Node) -> str:
    lines = (
        f'<li><span class="method {method}">{method.upper()}</span> '
        f'<a href="#{escape(operation["operationId"])}">{escape(operation["summary"])}</a></li>'
        for _, method, operation in _operations(document)
    )
    others = '<li><a href="#problems">Problems</a></li><li><a href="#schemas">Schemas</a></li>'
    return f'<nav aria-label="Contents"><ul>{"".join(lines)}{others}</ul></nav>'


def _tag(document: Node, tag: Node) -> str:
    cards = (
        _operation(document, path, method, operation)
        for path, method, operation in _operations(document)
        if tag["name"] in operation["tags"]
    )
    heading = f"<h2>{escape(tag['name'].capitalize())}</h2><p>{_text(tag['description'])}</p>"
    return f"<section>{heading}{''.join(cards)}</section>"


def _operation(document: Node, path: str, method: str, operation: Node) -> str:
    name = escape(operation["operationId"])
    parts = [
        f'<article class="card" id="{name}"><div class="call"><h3>{escape(operation["summary"])}</h3>',
        f'<span class="method {method}">{method.upper()}</span> <code>{escape(path)}</code></div>',
        f"<p>{_text(operation['description'])}</p>",
        f'<p class="soft">{_who(operation["security"])}</p>',
        _parameters(operation.get("parameters", ())),
        _body(operation.get("requestBody")),
        f"<h4>Call</h4>{_code(_curl(path, method, operation))}",
        _answers(document, operation["responses"]),
        "</article>",
    ]
    return "".join(parts)


def _who(security: list[Node]) -> str:
    if not security:
        return "For anyone."
    if {} in security:
        return "For anyone; this instance lets everybody read."
    scopes = ", ".join(scope for need in security for scope in need["bearer"])
    return f"Needs a token of the scope {escape(scopes)}."


def _parameters(parameters: Iterable[Node]) -> str:
    rows = [
        (
            f"<code>{escape(p['name'])}</code>",
            f"{_type(p['schema'])}{_default(p['schema'])}",
            f"{_text(p['description'])} <span class='soft'>In the {escape(p['in'])}.</span>",
        )
        for p in parameters
    ]
    return _table("Parameters", ("Name", "Type", "Meaning"), rows) if rows else ""


def _body(body: Node | None) -> str:
    if body is None:
        return ""
    content = body["content"]["application/json"]
    return f"<h4>Body</h4><p>{_type(content['schema'])}</p>{_code(_json(content['example']))}"


def _answers(document: Node, responses: Node) -> str:
    rows = []
    for status, response in responses.items():
        known = _resolved(document, response)
        kinds = [_type(content["schema"]) for content in known.get("content", {}).values()]
        rows.append((escape(status), " ".join(kinds), _text(known["description"])))
    return _table("Answers", ("Status", "Body", "Meaning"), rows) + _example(responses)


def _example(responses: Node) -> str:
    for response in responses.values():
        if example := response.get("content", {}).get("application/json", {}).get("example"):
            return f"<details><summary>Example of an answer</summary>{_code(_json(example))}</details>"
    return ""


def _problems(responses: Node) -> str:
    rows = []
    for slug, response in responses.items():
        title, _, meaning = response["description"].partition(". ")
        rows.append(
            (f'<span id="{escape(slug)}">{_text(title)}</span>', f"<code>{escape(slug)}</code>", _text(meaning))
        )
    table = _table("", ("Problem", "Type ends in", "Meaning"), rows)
    return f'<section id="problems"><h2>Problems</h2>{table}</section>'


def _schemas(schemas: Node) -> str:
    cards = (
        f'<article class="card" id="schema-{escape(name)}"><h3>{escape(name)}</h3>'
        f"<p>{_text(schema.get('description', ''))}</p>{_properties(schema)}</article>"
        for name, schema in schemas.items()
    )
    return f'<section id="schemas"><h2>Schemas</h2>{"".join(cards)}</section>'


def _properties(schema: Node) -> str:
    if "properties" not in schema:
        return f"<p>{_type(schema)}</p>"
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(name)}</code>",
            _type(part) + ("" if name in required else " <span class='soft'>optional</span>"),
            _text(part.get("description", "")),
        )
        for name, part in schema["properties"].items()
    ]
    return _table("", ("Field", "Type", "Meaning"), rows)


def _table(heading: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of ready-made HTML cells, the first of each row being the row's name."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    title = f"<h4>{escape(heading)}</h4>" if heading else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'{title}<div class="scroll" tabindex="0">{table}</div>'


def _type(schema: Node) -> str:
    """A schema in words, linked to where it is described."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if choices := schema.get("anyOf"):
        return " or ".join(_type(choice) for choice in choices)
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("format") == "date-time":
        return "time"
    return escape(str(schema.get("type", "any"))) + _range(schema)


def _range(schema: Node) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    return "" if low is None or high is None else f" {low} to {high}"


def _default(schema: Node) -> str:
    return f", default <code>{escape(_json(schema['default']))}</code>" if "default" in schema else ""


def _resolved(document: Node, response: Node) -> Node:
    if "$ref" not in response:
        return response
    found: Node = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return found


def _curl(path: str, method: str, operation: Node) -> str:
    call = "curl" if method == "get" else f"curl -X {method.upper()}"
    options = []
    if operation["security"] and {} not in operation["security"]:
        options.append('-H "Authorization: Bearer $TOKEN"')
    if body := operation.get("requestBody"):
        example = json.dumps(body["content"]["application/json"]["example"])
        options += ["-H 'Content-Type: application/json'", f"-d '{example}'"]
    lines = [f"{call} localhost:8000{_filled(path, operation)}", *options]
    return " \\\n  ".join(lines)


def _filled(path: str, operation: Node) -> str:
    """The path with its parameters' examples."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(parameter["schema"]["examples"][0]))
    return path


def _code(text: str) -> str:
    return f'<pre class="scroll" tabindex="0"><code>{escape(text)}</code></pre>'


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _text(text: str) -> str:
    """Escaped prose with `code` in backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
