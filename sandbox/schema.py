"""Bodies and answers judged by the vendor's schema. Needs the package jsonschema, which only the tests install."""

import json
import re

import jsonschema
import referencing
from referencing.jsonschema import DRAFT202012

from . import spec
from .times import RFC_3339

NAME = "urn:google-calendar"
formats = jsonschema.FormatChecker(formats=["date", "email", "uuid"])
registry = referencing.Registry().with_resource(
    NAME, referencing.Resource.from_contents(json.loads(spec.FILE.read_text(encoding="utf-8")), default_specification=DRAFT202012))
LOOPBACK = re.compile(r"^http://(localhost|127\.0\.0\.1|\[::1\])(?=[:/])")


@formats.checks("date-time")
def _is_date_time(value: object) -> bool:
    """RFC 3339 with its offset; the library leaves this format unchecked."""
    return not isinstance(value, str) or (RFC_3339.fullmatch(value) is not None and RFC_3339.fullmatch(value)[2] is not None)


def validate(name: str, instance: object) -> None:
    """Raises jsonschema.ValidationError unless the instance is what the component `name` (`Event`, `request.events.insert` …) allows."""
    reference = {"$ref": f"{NAME}#/components/schemas/{name}"}
    jsonschema.Draft202012Validator(reference, registry=registry, format_checker=formats).validate(instance)


def validate_body(name: str, body: dict) -> None:
    """As `validate`; the sandbox also calls back plain http on this machine, which the schema of `watch` refuses."""
    if name == "request.watch" and isinstance(body.get("address"), str):
        body = body | {"address": LOOPBACK.sub(r"https://\1", body["address"])}
    validate(name, body)
