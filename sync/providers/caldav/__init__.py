"""CalDAV (RFC 4791), for every calendar server without an adapter of its own."""
