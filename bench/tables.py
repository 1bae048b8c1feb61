"""Tables in the terminal."""


def show(title: str, head: list[str], rows: list[list[str]]) -> None:
    """Print a table whose columns are as wide as they need to be."""
    widths = [max(len(str(row[n])) for row in [head, *rows]) for n in range(len(head))]
    print(f"\n{title}\n")
    for row in [head, ["-" * width for width in widths], *rows]:
        print(
            "  "
            + "  ".join(
                str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)
            ).rstrip()
        )


def verdict(value: float, asked: float, at_least: bool) -> str:
    """The wanted figure, and whether it was met."""
    met = value >= asked if at_least else value <= asked
    return f"{'≥' if at_least else '≤'} {asked:g}: {'met' if met else 'MISSED'}"
