"""The tables of a report, read back."""

import re
from pathlib import Path


def report_rows(page: Path) -> dict[str, list[str]]:
    """Cells of all tables by the name of their row."""
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page.read_text("utf-8"))
    return {head: re.findall("<td>(.*?)</td>", cells) for head, cells in rows}
