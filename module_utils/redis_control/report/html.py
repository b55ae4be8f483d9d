"""A document as a page for people: one file that loads nothing and runs nothing. page.html.j2 prints the blocks."""

from __future__ import annotations

import functools
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .model import Document


def render(document: Document) -> str:
    """The whole file."""
    return _environment().get_template("page.html.j2").render(page=document.page)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["css"] = lambda mark: mark.replace(" ", "_")
    return environment
