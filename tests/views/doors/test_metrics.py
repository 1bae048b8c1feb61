"""Figures for monitoring the server: only with the token, and without any name."""

import logging
from dataclasses import replace

import pytest

from base.config.settings import Settings
from models import Feed

TOKEN = "t0ken-of-the-tests"


@pytest.fixture
def watched(app):
    before = app.config["SETTINGS"]
    app.config["SETTINGS"] = replace(before, metrics_token=TOKEN)
    yield app.test_client()
    app.config["SETTINGS"] = before


def figures(browser) -> str:
    return browser.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text


@pytest.mark.parametrize(
    "given", [None, "Bearer", "Bearer wrong", TOKEN + "x", "Bearer \N{SNOWMAN}"]
)
def test_without_the_token_there_is_no_such_page(watched, given):
    headers = {"Authorization": given} if given else {}
    assert watched.get("/metrics", headers=headers).status_code == 404


def test_where_no_token_is_set_nobody_reads_them(app):
    assert app.config["SETTINGS"].metrics_token == ""
    for given in ("", "Bearer", "Bearer "):
        headers = {"Authorization": given}
        assert app.test_client().get("/metrics", headers=headers).status_code == 404


def test_every_line_is_of_the_format_and_none_names_anybody(watched, linden):
    linden.pat.change_sync(sync_allowed=True)
    Feed.generate(linden.pat, "phone", linden.pat, practitioner=linden.calendar)
    text = figures(watched)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}
    assert values["kalends_clinics"] == 1 and values["kalends_private_links"] == 1
    assert values["kalends_database_current"] == 1
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {key.partition("{")[0] for key in values} <= names
    for word in ("Linden", "Pat", "Wójcik", "K-2041", "phone", "@"):
        assert word not in text


def test_the_number_of_queries_is_constant(watched, linden, caplog):
    with caplog.at_level(logging.DEBUG, "peewee"):
        caplog.clear()
        figures(watched)
        assert sum(record.name == "peewee" for record in caplog.records) <= 12


def test_settings_name_the_token_and_the_form_of_the_log(tmp_path):
    secret = tmp_path / "token"
    secret.write_text("from a file\n")
    read = Settings.from_env(
        {
            "KALENDS_METRICS_TOKEN_FILE": str(secret),
            "KALENDS_LOG": "json",
            "KALENDS_INSTANCE": str(tmp_path),
        }
    )
    assert (read.metrics_token, read.json_logs) == ("from a file", True)
