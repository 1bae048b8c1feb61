"""What our events outside should be, and which steps lead there. Nothing here asks a provider."""
