"""Bodies and answers checked by Microsoft's schema.

Needs the package jsonschema-rs, which only the tests install.
"""

from ..schema import judge_of, with_secure_loopback
from . import spec

validate = judge_of(spec.FILE)


def validate_body(name: str, body: dict) -> None:
    """Check a body as `validate` does.

    The sandbox also calls back plain http on this machine, which the schema of subscriptions
    refuses.
    """
    validate(
        name,
        with_secure_loopback(body, "notificationUrl", "lifecycleNotificationUrl")
        if name.startswith("request.subscription")
        else body,
    )
