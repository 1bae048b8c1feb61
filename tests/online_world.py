"""Linden's page as visitors use it: without JavaScript, cookie or account."""

import base64
import json
import logging
import re
from html import unescape
from types import SimpleNamespace

import altcha

from free_times.online import names, proofs
from free_times.rules import OnlineSettings
from tests.pages import Filled, forms_of


def switch_on(linden, name="linden", **settings):
    """The page is on, under this name, and the clinic's service is offered there."""
    proofs.TRIES = range(3, 9)  # solved at once
    linden.service.change(None, bookable_online=True)
    names.rename(linden.clinic, None, name)
    OnlineSettings.stored(linden.clinic).change(None, is_on=True, **settings)
    return SimpleNamespace(name=name, path=f"/book/{name}")


def statements(caplog, call) -> list[str]:
    """What a call asks the database."""
    with caplog.at_level(logging.DEBUG, "peewee"):
        caplog.clear()
        call()
        return [str(one.msg) for one in caplog.records if one.name == "peewee"]


def text_of(answer) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def links(answer) -> list[str]:
    """Where a page leads."""
    return [
        one.replace("&amp;", "&")
        for one in re.findall(r'<a[^>]* href="([^"#]+)"', answer.get_data(as_text=True))
    ]


def only_form(answer, action: str) -> Filled:
    """The form that posts to an address with this end. Where it asks for a proof of work, it has
    one, as in a browser with script.
    """
    form = Filled(next(one for one in forms_of(answer) if one["action"].endswith(action)))
    asked = re.search(r'data-proof="([^"]+)"', answer.get_data(as_text=True))
    return form.put(proof=solve(unescape(asked[1]))) if asked and action == "/book" else form


def solve(challenge: str) -> str:
    """What a browser answers, by ALTCHA's own solver."""
    made = altcha.Challenge.from_dict(json.loads(challenge))
    solved = altcha.solve_challenge(made)
    answer = {"challenge": made.to_dict(), "solution": solved.to_dict()}
    return base64.b64encode(json.dumps(answer).encode()).decode()


def times_of(answer) -> list[str]:
    """What the buttons of a list of times send, the earliest button left out."""
    found = re.findall(r'<li><button name="time" value="(\d+)"', answer.get_data(as_text=True))
    return list(dict.fromkeys(found))


def to_details(browser, path, service="shoulder", at=0, **said):
    """Choose a time: the answer is the form for the details."""
    asked = {"service": service, "venue": "linden-street", **said}
    page = browser.get(f"{path}/times", query_string=asked)
    assert page.status_code == 200, text_of(page)
    answer = only_form(page, "/hold").put(time=times_of(page)[at]).send(browser)
    return browser.get(answer.location) if answer.status_code == 303 else answer


def to_check(browser, path, typed=None, **chosen):
    """The last look before the booking."""
    form = only_form(to_details(browser, path, **chosen), "/details")
    return form.put(**(TYPED if typed is None else typed)).send(browser)


def book(browser, path, typed=None, **chosen):
    """The answer to the last press."""
    return only_form(to_check(browser, path, typed, **chosen), "/book").send(browser)


TYPED = {"name": "Nora Visitor", "email": "nora@visitor.test"}
