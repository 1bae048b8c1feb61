"""Which messages of a browser's console are faults of a page."""

# A page that is left or drawn anew ends its own requests: htmx tells that as two errors. A refused
# form is an answer.
_NO_FAULT = ("status of 422", "htmx:sendAbort", "htmx:afterRequest")


def is_fault(message) -> bool:
    """Whether a console message (Playwright's) tells of a fault."""
    return message.type == "error" and not any(words in message.text for words in _NO_FAULT)
