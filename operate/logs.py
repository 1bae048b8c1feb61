"""Log lines as text for people, or as JSON, one object in each line, for programs that collect
them.
"""

import json
import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime

_as_json = False


class _Json(logging.Formatter):
    """Writes a log line as JSON: time, level, logger, message, and the type of an exception. The
    exception's own message is left out: it could contain a client's name.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        fields = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0]:
            fields["error"] = record.exc_info[0].__name__
        return json.dumps(fields, ensure_ascii=False)


def set_up(as_json: bool) -> None:
    """Choose the form of this process's log lines. Text keeps Python's form."""
    global _as_json
    _as_json = as_json
    if as_json:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Json())
        logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def print_line(sentence: str) -> None:
    """Print a sentence. If the log cannot be written (its disk is full), continue silently."""
    if not _as_json:
        with suppress(OSError):
            print(sentence, flush=True)
        return
    for line in filter(None, sentence.splitlines()):
        record = logging.LogRecord("kalends", logging.INFO, "", 0, line, None, None)
        with suppress(OSError):
            print(_Json().format(record), flush=True)
