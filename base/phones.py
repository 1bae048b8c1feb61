"""Phone numbers as they are dialled from anywhere (ITU-T E.164)."""

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType, ValidationResult

from base.text import is_phone

_COSTLY = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)

# set aside for films and examples: nobody has them
_NOBODYS = {
    "AU": "+61 491 570 006",
    "CA": "+1 613 555 0143",
    "GB": "+44 7700 900001",
    "US": "+1 202 555 0143",
}


def example(country: str) -> str:
    """A number that nobody has, as it is written in this country (ISO 3166-1)."""
    return _NOBODYS.get(country, _NOBODYS["GB"])


def e164(number: str, *countries: str) -> str | None:
    """The number as +447700900123; None if no message could be sent to it.

    A number without its country code is tried in each of `countries` (ISO 3166-1) in turn.
    Premium-rate numbers and extensions are refused.
    """
    if not is_phone(number):
        return None
    digits = number.strip()
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    for country in countries or ("",):
        try:
            found = phonenumbers.parse(digits, country or None)
        except phonenumbers.NumberParseException:
            continue
        is_one = (
            phonenumbers.is_possible_number_with_reason(found) == ValidationResult.IS_POSSIBLE
            and phonenumbers.number_type(found) not in _COSTLY
            and not found.extension
        )
        if is_one:
            return phonenumbers.format_number(found, PhoneNumberFormat.E164)
    return None
