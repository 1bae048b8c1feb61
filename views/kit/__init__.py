"""What every page is made with: rights, forms, htmx, words used in several rooms."""
