"""Log lines as JSON, by choice."""

import json
import subprocess
import sys

PROGRAM = """
import logging
from operate import logs
logs.set_up(as_json={as_json})
logs.print_line("\\nKalends is ready: http://localhost\\nStop it with Ctrl-C.")
try:
    raise ValueError("Małgorzata")
except ValueError:
    logging.getLogger("kalends.front").exception("a page failed")
"""


def run(as_json: bool) -> subprocess.CompletedProcess:
    program = [sys.executable, "-c", PROGRAM.format(as_json=as_json)]
    return subprocess.run(program, capture_output=True, text=True, check=True)


def test_each_line_is_one_object_and_holds_no_message_of_an_exception():
    done = run(as_json=True)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["message"] for line in said] == [
        "Kalends is ready: http://localhost",
        "Stop it with Ctrl-C.",
    ]
    (fault,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert (fault["level"], fault["logger"]) == ("error", "kalends.front")
    assert fault["error"] == "ValueError" and "Małgorzata" not in done.stderr


def test_text_logs_keep_pythons_form():
    assert "Kalends is ready: http://localhost\n" in run(as_json=False).stdout
