"""Large JSON tables, lists of flat records, read one record at a time; none of them is trusted."""

import json
from collections.abc import Iterator
from typing import Any

from recon.captures.archive import Files
from recon.errors import CaptureError

CHUNK_CHARACTERS = 1 << 20  # read at a time
MAX_RECORD_CHARACTERS = 1 << 20  # nuScenes' longest, of its log table, have thousands
BETWEEN = " \t\r\n,"

Record = dict[str, Any]


def json_records(files: Files, name: str) -> Iterator[Record]:
    """The objects of a list, in order, their numbers as floats; ``CaptureError`` where the file is anything else."""
    decode = json.JSONDecoder(parse_int=float).raw_decode
    where = f"{files.path}: {name}"
    with files.local(name).open(encoding="utf-8-sig", errors="replace") as file:
        text = file.read(CHUNK_CHARACTERS).lstrip()
        if not text.startswith("["):
            raise CaptureError(f"{where} is no list of records; fetch the tables again")
        at, more = 1, True
        while True:
            while at < len(text) and text[at] in BETWEEN:
                at += 1
            if text[at : at + 1] == "]":
                return
            try:
                record, at = decode(text, at)
            except (ValueError, RecursionError) as error:
                if more and len(text) - at <= MAX_RECORD_CHARACTERS:  # the record goes on
                    chunk = file.read(CHUNK_CHARACTERS)
                    text, at, more = text[at:] + chunk, 0, bool(chunk)
                    continue
                raise CaptureError(f"{where} is cut short or not JSON ({error}); fetch the tables again") from error
            if not isinstance(record, dict):
                raise CaptureError(f"{where} holds {str(record)[:20]!r} where a record is needed")
            yield record
