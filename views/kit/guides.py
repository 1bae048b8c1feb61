"""Guides of the folder `docs` as parts of pages. Only the signs of Markdown that they use are
supported.
"""

import re
from pathlib import Path

from markupsafe import Markup, escape

TOP = Path(__file__).resolve().parent.parent.parent

_ITEM = re.compile(r"(\d+\.|-) +")
_BLOCK = re.compile(rf"```|## |\||{_ITEM.pattern}")  # the beginning of what is no paragraph
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\*(?P<em>[^*]+)\*"
    r"|\[(?P<text>[^]]+)\]\((?P<url>[^)]+)\)|<(?P<bare>https://[^>]+)>"
)


def page(name: str) -> Markup:
    """The guide at this path of the program, without its heading."""
    lines = (TOP / name).read_text().splitlines()
    return _blocks(lines[1:] if lines[0].startswith("# ") else lines)


def _blocks(lines: list[str]) -> Markup:
    found, place = [], 0
    while place < len(lines):
        line = lines[place]
        end = place + 1
        if line.startswith("```"):
            while not lines[end].startswith("```"):
                end += 1
            found.append(
                Markup('<pre tabindex="0"><code>{}</code></pre>').format(
                    "\n".join(lines[place + 1 : end])
                )
            )
            end += 1
        elif line.startswith("## "):
            heading = line[3:]
            found.append(Markup('<h2 id="{}">{}</h2>').format(anchor(heading), _inline(heading)))
        elif line.startswith("|"):
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            found.append(_table(lines[place:end]))
        elif _ITEM.match(line):
            end = _end_of_list(lines, place)
            found.append(_list(lines[place:end]))
        elif line.strip():
            while end < len(lines) and lines[end].strip() and not _BLOCK.match(lines[end]):
                end += 1
            found.append(Markup("<p>{}</p>").format(_inline(" ".join(lines[place:end]))))
        place = end
    return Markup("\n").join(found)


def _end_of_list(lines: list[str], place: int) -> int:
    """The index after the last line of the list: parts of an item are indented, also after an empty
    line.
    """
    end = place + 1
    while end < len(lines):
        line = lines[end]
        following = next((one for one in lines[end:] if one.strip()), "")
        if not (line.startswith(" ") or _ITEM.match(line) or (not line and following[:1] == " ")):
            break
        end += 1
    return end


def _list(lines: list[str]) -> Markup:
    items: list[list[str]] = []
    for line in lines:
        if sign := _ITEM.match(line):
            items.append([line[sign.end() :]])
        else:
            items[-1].append(line[min(len(line) - len(line.lstrip()), 3) :])
    made = Markup("").join(Markup("<li>{}</li>").format(_item(item)) for item in items)
    is_ordered = lines[0][0].isdigit()
    return (Markup("<ol>{}</ol>") if is_ordered else Markup("<ul>{}</ul>")).format(made)


def _item(lines: list[str]) -> Markup:
    """The content of an item; an item that is one paragraph has no `<p>`."""
    made = _blocks(lines)
    return made[3:-4] if made.count("<p>") == 1 and made.endswith("</p>") else made


def _table(lines: list[str]) -> Markup:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(_inline(c)) for c in rows[0])
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup("<td>{}</td>").format(_inline(cell)) for cell in row)
        )
        for row in rows[2:]
    )
    table = Markup("<table data-stack><thead><tr>{}</tr></thead><tbody>{}</tbody></table>")
    return table.format(head, body)


def _inline(text: str) -> Markup:
    made, end = Markup(""), 0
    for sign in _INLINE.finditer(text):
        made += escape(text[end : sign.start()]) + _marked(sign)
        end = sign.end()
    return made + escape(text[end:])


def _marked(sign: re.Match[str]) -> Markup:
    if sign["code"]:
        return Markup("<code>{}</code>").format(sign["code"])
    if sign["strong"]:
        return Markup("<strong>{}</strong>").format(_inline(sign["strong"]))
    if sign["em"]:
        return Markup("<em>{}</em>").format(sign["em"])
    url, text = sign["bare"] or sign["url"], sign["bare"] or sign["text"]
    if not url.startswith("https://"):  # another file of the folder
        return Markup("<code>{}</code>").format(url)
    return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(url, text)


def anchor(heading: str) -> str:
    """The id of a heading."""
    return "-".join(re.findall(r"[a-z0-9]+", heading.lower()))


def headings(name: str) -> dict[str, str]:
    """The headings of a guide by their ids."""
    lines = (TOP / name).read_text().splitlines()
    return {anchor(line[3:]): line[3:] for line in lines if line.startswith("## ")}
