"""A report as one HTML file that needs nothing else: text, tables, pictures, plots, and meshes to turn.

The file asks the network for nothing, and its Content-Security-Policy forbids it; scripts and styles run
only where their digest is the one of this package, so that no name in a capture can become a script.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from recon import atomic

SCRIPT, STYLE = Path(__file__).with_name("viewer.js"), Path(__file__).with_name("report.css")
JPEG_QUALITY = 85


@runtime_checkable  # for the shape checks of the test run
class Block(Protocol):
    """A piece of a section."""

    def html(self) -> str:
        """Its markup, with every string from outside escaped."""
        ...


@dataclass(frozen=True)
class Text:
    """A paragraph; ``code`` keeps its lines as they are."""

    text: str
    code: bool = False

    def html(self) -> str:
        return f"<pre>{escape(self.text)}</pre>" if self.code else f"<p>{escape(self.text)}</p>"


@dataclass(frozen=True)
class Facts:
    """The few values that one looks for first, by name."""

    values: Mapping[str, str]

    def html(self) -> str:
        facts = (f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in self.values.items())
        return f'<dl class="facts">{"".join(facts)}</dl>'


@dataclass(frozen=True)
class Table:
    """Rows under a head; the first column names the row, the others are set to the right where ``numbers``."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: bool = False

    def __post_init__(self) -> None:
        if wrong := [row for row in self.rows if len(row) != len(self.head)]:
            raise ValueError(f"Table has {len(self.head)} columns, but a row of {len(wrong[0])}: {wrong[0]}")

    def html(self) -> str:
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in self.head)
        rows = "".join(
            f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
            for name, *cells in self.rows
        )
        kind = ' class="numbers"' if self.numbers else ""
        table = f"<table{kind}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return f'<div class="wide">{table}</div>'


@dataclass(frozen=True, eq=False)
class Picture:
    """An RGB picture with what it shows, stored as JPEG."""

    pixels: UInt8[np.ndarray, "h w 3"]
    caption: str

    def html(self) -> str:
        bgr = np.ascontiguousarray(self.pixels[..., ::-1])
        jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        height, width = self.pixels.shape[:2]
        caption = escape(self.caption)
        source = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
        image = f'<img src="{source}" width="{width}" height="{height}" alt="{caption}">'
        return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures in lines of ``columns``; narrower screens break them."""

    pictures: Sequence[Picture]
    columns: int = 1

    def html(self) -> str:
        pictures = "".join(picture.html() for picture in self.pictures)
        return f'<div class="gallery columns-{min(self.columns, 3)}">{pictures}</div>'


@dataclass(frozen=True)
class Section:
    """Blocks under a heading; ``folded`` ones show after a click."""

    heading: str
    blocks: Sequence[Block]
    folded: bool = False

    def html(self) -> str:
        heading, body = f"<h2>{escape(self.heading)}</h2>", "".join(block.html() for block in self.blocks)
        if self.folded:
            return f"<section><details><summary>{heading}</summary>{body}</details></section>"
        return f"<section>{heading}{body}</section>"


@dataclass(frozen=True)
class Report:
    """A page; ``about`` is the line below its title."""

    title: str
    about: str
    sections: Sequence[Section]

    def html(self) -> str:
        script, style = SCRIPT.read_text("utf-8"), STYLE.read_text("utf-8")
        policy = (
            f"default-src 'none'; img-src data:; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
            "base-uri 'none'; form-action 'none'"
        )
        sections = "".join(section.html() for section in self.sections)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark"><meta name="generator" content="recon">'
            f'<link rel="icon" href="data:,"><title>{escape(self.title)}</title><style>{style}</style></head>\n'
            f"<body><header><h1>{escape(self.title)}</h1><p>{escape(self.about)}</p></header>\n"
            f"<main>{sections}</main>\n<script>{script}</script></body></html>\n"
        )


def write_report(path: Path, report: Report) -> None:
    """The report as a file, whole or not at all."""
    atomic.write_bytes(path, report.html().encode("utf-8", "backslashreplace"))


def _digest(text: str) -> str:
    """A source expression of Content Security Policy level 3, section 2.3.1."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
