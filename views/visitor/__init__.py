"""Online booking as clients of a clinic see it: no account, no session, no cookie."""
