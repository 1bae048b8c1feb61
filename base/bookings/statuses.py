"""What a booking may have come to, and what that says of its time."""

STATUSES = (
    "offered",
    "pending",
    "confirmed",
    "arrived",
    "delivered",
    "invoiced",
    "paid",
    "cancelled",
    "no_show",
)


FREE_STATUSES = ("offered", "cancelled", "no_show")  # hold no time; every other status does


OPEN_STATUSES = ("offered", "pending", "confirmed", "arrived")  # nothing has come of it yet
# What a pending booking may become when its time is taken for good.
CONFIRMED = (
    "confirmed",
    "arrived",
)
