"""Calendar data (RFC 5545) from any program outside, read as busy time."""
