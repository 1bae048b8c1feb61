"""Barriers of a page for people with disabilities, as axe finds them."""

from axe_playwright_python.base import AXE_SCRIPT, AxeResults

PHONE, DESK = (390, "light"), (1280, "dark")
DARK_PHONE, LIGHT_DESK = (390, "dark"), (1280, "light")


def see(page, width: int, theme: str) -> None:
    """Turn the page: it goes on as it is, in another width and other colours. For a page with
    `reduced_motion`, whose colours do not change little by little.
    """
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 844})


def unfold(page) -> None:
    """Open whatever is folded in the page, but its menus."""
    folded = "document.querySelectorAll('main details:not(.menu)')"
    page.evaluate(f"{folded}.forEach((each) => {{ each.open = true }})")


def barriers(page) -> str:
    """A report of what axe finds on this page; empty where it finds nothing.

    Nothing else is brought back: to carry the list of what passed out of the browser takes longer
    than the look itself.
    """
    if not page.evaluate("'axe' in window"):  # seen in another look before
        page.evaluate(AXE_SCRIPT)
    run = "axe.run({resultTypes: ['violations']}).then(({violations}) => ({violations}))"
    found = AxeResults(page.evaluate(run))
    return found.generate_report() if found.violations_count else ""
