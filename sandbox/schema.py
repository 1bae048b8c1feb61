"""Bodies and answers checked by the provider's schema.

Needs the package jsonschema, which only the tests install.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import jsonschema
import referencing
from referencing.jsonschema import DRAFT202012

from . import spec
from .times import RFC_3339

formats = jsonschema.FormatChecker(formats=["date", "email", "uuid"])
LOOPBACK = re.compile(r"^http://(localhost|127\.0\.0\.1|\[::1\])(?=[:/])")


@formats.checks("date-time")
def _is_date_time(value: object) -> bool:
    """Whether the value is a time of RFC 3339 with its offset, which the library does not check."""
    return not isinstance(value, str) or (
        RFC_3339.fullmatch(value) is not None and RFC_3339.fullmatch(value)[2] is not None
    )


def judge_of(file: Path) -> Callable[[str, object], None]:
    """The function `validate(name, instance)` of a schema file.

    Raises jsonschema.ValidationError for what a component does not allow.
    """
    resource = referencing.Resource.from_contents(
        json.loads(file.read_text(encoding="utf-8")), default_specification=DRAFT202012
    )
    registry = referencing.Registry().with_resource("urn:schemas", resource)

    @cache
    def validator(name: str) -> jsonschema.Draft202012Validator:
        reference = {"$ref": f"urn:schemas#/components/schemas/{name}"}
        return jsonschema.Draft202012Validator(reference, registry=registry, format_checker=formats)

    return lambda name, instance: validator(name).validate(instance)


validate = judge_of(spec.FILE)


def validate_body(name: str, body: dict) -> None:
    """Check a body as `validate` does.

    The sandbox also calls back plain http on this machine, which the schema of `watch` refuses.
    """
    validate(name, with_secure_loopback(body, "address") if name == "request.watch" else body)


def with_secure_loopback(body: dict, *fields: str) -> dict:
    """The body with addresses on this machine spelled as https."""
    return body | {
        field: LOOPBACK.sub(r"https://\1", body[field])
        for field in fields
        if isinstance(body.get(field), str)
    }
