"""Forms as a browser without JavaScript has them: read from the page, filled, sent back whole."""

import re
from html.parser import HTMLParser

_FORM = re.compile(r"<form\b.*?</form>", re.DOTALL)


class _Forms(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.forms, self._form, self._select, self._area = [], None, None, None

    def handle_starttag(self, tag, attributes):
        at = dict(attributes)
        if tag == "form":
            self._form = {
                "id": at.get("id"),
                "action": at.get("action"),
                "method": at.get("method", "get"),
                "fields": [],
                "choices": {},
            }
            self.forms.append(self._form)
        elif self._form is None or "disabled" in at:
            return
        elif tag == "input" and at.get("name"):
            kind = at.get("type", "text")
            if kind in ("radio", "checkbox"):
                self._form["choices"].setdefault(at["name"], []).append(at.get("value", "on"))
            if kind not in ("radio", "checkbox", "submit") or "checked" in at:
                self._form["fields"].append(
                    (at["name"], at.get("value", "on" if kind in ("radio", "checkbox") else ""))
                )
        elif tag == "select":
            self._select = {"name": at.get("name"), "options": [], "chosen": None}
        elif tag == "option" and self._select is not None:
            self._select["options"].append(at.get("value", ""))
            if "selected" in at:
                self._select["chosen"] = at.get("value", "")
        elif tag == "textarea":
            self._area = [at.get("name"), ""]

    def handle_data(self, data):
        if self._area is not None:
            self._area[1] += data

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "select" and self._select is not None:
            chosen = (
                self._select["chosen"]
                if self._select["chosen"] is not None
                else next(iter(self._select["options"]), "")
            )
            if self._form is not None:
                self._form["fields"].append((self._select["name"], chosen))
                self._form["choices"][self._select["name"]] = self._select["options"]
            self._select = None
        elif tag == "textarea" and self._area is not None:
            name, value = self._area
            if self._form is not None:
                self._form["fields"].append((name, value.removeprefix("\r\n").removeprefix("\n")))
            self._area = None


class Filled:
    """A form of a page: its fields in order, changed with `put`, sent with `send`."""

    def __init__(self, found: dict):
        self.action, self.choices = found["action"], found["choices"]
        self.fields = list(found["fields"])

    def __getitem__(self, name: str) -> str | None:
        return next((value for key, value in self.fields if key == name), None)

    def put(self, **values) -> "Filled":
        """Type other values; a list replaces all of that name, None leaves it out.

        "__" in a name stands for "-".
        """
        for name, value in values.items():
            name = name.replace("__", "-")
            self.fields = [(key, was) for key, was in self.fields if key != name]
            self.fields += [
                (name, one)
                for one in (value if isinstance(value, list) else [] if value is None else [value])
            ]
        return self

    def send(self, browser, **kwargs):
        data: dict[str, list[str]] = {}
        for name, value in self.fields:
            data.setdefault(name, []).append(value)
        return browser.post(self.action, data=data, **kwargs)


def forms_of(answer) -> list[dict]:
    """Every form of an answer that posts."""
    reader = _Forms()
    for form in _FORM.findall(answer.get_data(as_text=True)):  # most of a page is in none
        reader.feed(form)
    return [found for found in reader.forms if found["method"].lower() == "post"]


def form_of(answer, form_id: str) -> Filled:
    """The form with this id, as the page has it."""
    return Filled(next(found for found in forms_of(answer) if found["id"] == form_id))


_OPENED_AT = (  # where a form is saved: the page on which it stands
    (r"/(clients|bookings)/(\d+)", r"/\1/\2/edit"),
    (r"/(services|team|time-off|sync/links|sync/calendars|settings/venues)/(\d+)", r"/\1/\2"),
    (r"/services/(\d+)/people", r"/services/\1/people"),
    (r"/sync/accounts/(\d+)/settings", r"/sync/accounts/\1/settings"),
    (r"/team/(\d+)/calendars/\d+", r"/team/\1"),
    (r"/settings/online-booking/", r"/settings/online-booking/"),
    (r"/settings/(clinic|privacy|links|calendars)?", "/settings/"),
    (r"/sync/(opt-in|identifier)", "/sync/"),
    (r"/sync/links/privacy", "/sync/links/"),
    (r"/sync/titles", "/sync/titles"),
)


def with_what_it_showed(browser, path: str, data: dict) -> dict:
    """What is sent, with what a page that is opened just now says that it shows.

    `seen=""` in `data` is a page that says nothing.
    """
    path = path.partition("?")[0]
    page = next(
        (re.sub(there, page, path) for there, page in _OPENED_AT if re.fullmatch(there, path)), None
    )
    if page is None or any(name.endswith("seen") for name in data):
        return data
    shown = {
        name: value
        for form in forms_of(browser.get(page))
        if path.startswith(form["action"])
        for name, value in form["fields"]
        if name.endswith("seen")
    }
    return shown | data
