"""Calendar data (RFC 5545) from outside, read as busy time, whatever program sent it."""
