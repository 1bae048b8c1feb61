"""Refusals of the sign-in page by their number:
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import re

_NUMBERS = {
    "access_denied": (65004,),
    "admin_needed": (90093, 90094, 90095, 90097, 90099),
    "blocked": (50020, 50105, 50177, 53000, 53001, 53002, 53003, 530003, 53009, 530034),
    "interaction": (50058, 50076, 50079, 50158, 65001),
}


def declined(description: str) -> str:
    """The reason why access was not given (see `sync.connect.oauth.Declined`), by the number in
    this description; "" if it has none that we know.
    """
    number = re.search(r"AADSTS(\d{4,8})\b", description)
    known = int(number[1]) if number else 0
    return next((reason for reason, numbers in _NUMBERS.items() if known in numbers), "")
