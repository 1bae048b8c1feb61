"""Bodies and answers checked by the provider's schema.

Needs the package jsonschema-rs, which only the tests install.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from jsonschema_rs import Draft202012, Draft202012Validator, Registry

from . import spec
from .times import RFC_3339

LOOPBACK = re.compile(r"^http://(localhost|127\.0\.0\.1|\[::1\])(?=[:/])")


def _is_date_time(value: str) -> bool:
    """Whether the value is a time of RFC 3339 with its offset."""
    found = RFC_3339.fullmatch(value)
    return found is not None and found[2] is not None


def judge_of(file: Path) -> Callable[[str, object], None]:
    """The function `validate(name, instance)` of a schema file.

    Raises jsonschema_rs.ValidationError for what a component does not allow.
    """
    schemas = [("urn:schemas", json.loads(file.read_text(encoding="utf-8")))]
    registry = Registry(schemas, draft=Draft202012)

    @cache
    def validator(name: str) -> Draft202012Validator:
        return Draft202012Validator(
            {"$ref": f"urn:schemas#/components/schemas/{name}"},
            registry=registry,
            validate_formats=True,
            formats={"date-time": _is_date_time},
        )

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
