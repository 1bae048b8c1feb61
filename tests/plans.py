"""A clinic whose plan has a provider no more. Google is in every plan, so it is Outlook's."""

from dataclasses import replace

from models import Clinic
from sync.connect import gateway
from sync.tables.accounts import Account


def lose_provider(clinic: Clinic) -> None:
    """Every account is Outlook's, which is set up, and the plan becomes one without it."""
    setup = gateway.setup()
    outlook = next(iter(setup.endpoints.values()))
    gateway.set_up(replace(setup, endpoints={**setup.endpoints, "microsoft": outlook}))
    Account.update(kind="microsoft").execute()
    Clinic.get_by_id(clinic.id).change_plan("basic", None)
