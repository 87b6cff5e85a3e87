"""Parts in, a page of HTML out: style and script are in it, nothing is fetched."""

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root{color-scheme:light dark;--bg:light-dark(#f1f4f7,#0b0f13);--panel:light-dark(#fff,#12181f);
--line:light-dark(#dde3e9,#232c36);--text:light-dark(#16202b,#e6edf3);
--muted:light-dark(#55626e,#9aa7b4);--up:light-dark(#0b5cad,#4aa3ff);
--down:light-dark(#b34700,#ff9f40)}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1200px;padding:16px;background:var(--bg);color:var(--text);
font:14px/1.45 system-ui,sans-serif}
h1{font-size:20px;margin:0 0 2px}h2{font-size:15px;margin:24px 0 8px}
p{margin:0 0 8px;color:var(--muted)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:8px;
margin:14px 0}
.card{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:8px 12px}
.card b{display:block;font-size:18px;font-variant-numeric:tabular-nums}
.card span{color:var(--muted)}
.chart{margin:0 0 12px;padding:8px 12px;background:var(--panel);border:1px solid var(--line);
border-radius:6px}
figcaption{display:flex;flex-wrap:wrap;gap:4px 14px;min-height:22px;margin-bottom:6px}
output{color:var(--muted);font-variant-numeric:tabular-nums;margin-left:auto}
.key i{display:inline-block;width:14px;height:3px;margin-right:5px;vertical-align:middle}
.plot{position:relative;height:var(--tall,220px);margin-right:72px}
.plot svg{width:100%;height:100%;display:block;overflow:visible}
.values span{position:absolute;left:calc(100% + 6px);transform:translateY(-50%);font-size:11px;
color:var(--muted);font-variant-numeric:tabular-nums;white-space:nowrap}
.times{display:flex;justify-content:space-between;margin:4px 72px 0 0;font-size:11px;
color:var(--muted)}
path{vector-effect:non-scaling-stroke;fill:none}
.grid{stroke:var(--line);stroke-width:1}.line{stroke-width:1.5;stroke-linejoin:round}
.area{opacity:.35}.at{stroke:var(--muted);stroke-width:1;stroke-dasharray:3 3}
.mark.up{fill:var(--up)}.mark.down{fill:var(--down)}
.stroke{stroke-width:1;opacity:.5}.stroke.up{stroke:var(--up)}.stroke.down{stroke:var(--down)}
.scroll{overflow-x:auto;background:var(--panel);border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%}
th,td{padding:4px 12px;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--muted);font-weight:600}td{font-variant-numeric:tabular-nums}
.right{text-align:right}.wide{white-space:normal;color:var(--muted);min-width:260px}
tr:last-child td{border-bottom:0}
@media (max-width:600px){.times span:nth-child(even){display:none}body{padding:10px}}
"""

SCRIPT = """
for (const chart of document.querySelectorAll(".chart")) {
  const rows = JSON.parse(chart.querySelector("script").textContent);
  const plot = chart.querySelector(".plot"), at = chart.querySelector(".at");
  const told = chart.querySelector("output");
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect(), share = (event.clientX - box.left) / box.width;
    const near = (a, b) => (Math.abs(b[0] - share) < Math.abs(a[0] - share) ? b : a);
    const row = rows.reduce(near);
    at.setAttribute("d", `M${row[0] * 1000} 0V100`);
    told.textContent = row.slice(1).join("  ·  ");
  });
  plot.addEventListener("pointerleave", () => { at.setAttribute("d", ""); told.textContent = ""; });
}
"""


def page(title: str, parts: Iterable[str]) -> str:
    """Put a page together of parts that are HTML already."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}<script>{SCRIPT}</script></body></html>\n"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, wide: Sequence[str] = ()) -> str:
    """Return a table; columns are numbers, to the right, but the first and those that are wide."""
    kinds = ["wide" if head in wide else "right" if at else "" for at, head in enumerate(heads)]
    head = "".join(
        f'<th class="{kind}">{escape(text)}</th>' for text, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{kind}">{escape(text)}</td>' for text, kind in zip(row, kinds, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    rows_of = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table>{rows_of}</table></div>'


def cards(figures: Iterable[tuple[str, str]]) -> str:
    """Return the figures that are seen first: what each is called, and its text."""
    shown = "".join(
        f'<div class="card"><span>{escape(name)}</span><b>{escape(text)}</b></div>'
        for name, text in figures
    )
    return f'<div class="cards">{shown}</div>'
