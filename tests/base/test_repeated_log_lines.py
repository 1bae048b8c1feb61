"""Log lines that are repeated while a fault lasts."""

import logging

from base.repeated_log_lines import SECONDS, RepeatedLines


def test_one_line_a_minute_with_the_number_of_the_others(caplog):
    at = [0.0]
    repeated_lines = RepeatedLines(logging.getLogger("kalends"), lambda: at[0])

    def say(fault):
        line = "unavailable %(reference)s: %(why)s"
        return repeated_lines.write(logging.ERROR, fault, line, why=fault)

    first = [say("away") for _ in range(5)]
    full = say("full")  # another fault has its own line
    at[0] += SECONDS
    second = [say("away") for _ in range(2)]
    at[0] += SECONDS
    third = say("away")
    assert [record.getMessage() for record in caplog.records] == [
        f"unavailable {first[0]}: away",
        f"unavailable {full}: full",
        f"unavailable {second[0]}: away (4 more since the line before)",
        f"unavailable {third}: away (1 more since the line before)",
    ]
    assert {*first} == {first[0]} and {*second} == {second[0]} and first[0] != second[0]
