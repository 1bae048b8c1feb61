"""The statuses of bookings, and which of them take time."""

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


FREE_STATUSES = ("offered", "cancelled", "no_show")  # statuses that take no time


OPEN_STATUSES = ("offered", "pending", "confirmed", "arrived")  # statuses without an outcome yet
UNCONFIRMED_STATUSES = ("offered", "pending")  # statuses that nobody has confirmed yet
# The statuses that a pending booking may get when its time is taken for good.
CONFIRMED = (
    "confirmed",
    "arrived",
)
