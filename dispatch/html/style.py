"""The look of every report: one style sheet, colours as variables, for light, dark and paper."""

STYLE = """
:root{color-scheme:light dark;
--paper:#fff;--raised:#f6f7f9;--line:#d9dde3;--ink:#1a1d21;--soft:#5a6472;
--accent:#2458b8;--good:#17693a;--good-back:#e3f4e9;--bad:#a3231c;--bad-back:#fbe7e5;--warn:#7a5200;--warn-back:#fdf1d6;
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
@media (prefers-color-scheme:dark){:root{
--paper:#14171b;--raised:#1d2228;--line:#353c46;--ink:#e6e9ed;--soft:#9ba6b3;
--accent:#7aa7ff;--good:#6fd39a;--good-back:#173325;--bad:#ff9a90;--bad-back:#421d1a;--warn:#f0c267;--warn-back:#3a2d0f}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:68rem;padding:1.5rem 1.25rem 3rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
h1{font-size:1.55rem;line-height:1.25;margin:0 0 .4rem}
h2{font-size:1.15rem;margin:2.2rem 0 .7rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}
h3{font-size:1rem;margin:1.4rem 0 .5rem}
h2 small{font-weight:400;font-size:.85rem;color:var(--soft)}
p{margin:.5rem 0}
.lead{color:var(--soft)}
code,pre{font-family:var(--mono);font-size:.86em}
code{overflow-wrap:anywhere}
pre{background:var(--raised);border:1px solid var(--line);border-radius:6px;padding:.8rem;overflow-x:auto}
pre code{overflow-wrap:normal}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.7rem;margin:1.1rem 0}
.card{background:var(--raised);border:1px solid var(--line);border-radius:8px;padding:.65rem .8rem;display:flex;flex-direction:column}
.card .name{font-size:.8rem;color:var(--soft)}
.card strong{font-size:1.25rem;line-height:1.35;font-variant-numeric:tabular-nums}
.card small{font-size:.8rem;color:var(--soft)}
.scroll{overflow-x:auto;margin:.6rem 0}
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.5rem 0 .35rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .7rem .35rem 0;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600;font-size:.8rem;white-space:nowrap}
tbody th{font-weight:500}
tr.marked th,tr.marked td{background:var(--raised);font-weight:600}
.num{text-align:right;white-space:nowrap}
td.num+td:not(.num),th.num+th:not(.num),td.num+th:not(.num){padding-left:.4rem}
dl.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.35rem 1.4rem;margin:.6rem 0}
dl.facts div{display:flex;justify-content:space-between;gap:.8rem;border-bottom:1px solid var(--line);padding:.2rem 0}
dt{color:var(--soft);font-size:.9rem}
dd{margin:0;text-align:right;font-size:.9rem;font-variant-numeric:tabular-nums}
.badge{display:inline-block;border-radius:4px;padding:.05rem .45rem;font-size:.82rem;font-weight:600;
background:var(--raised);border:1px solid var(--line);color:var(--ink);white-space:nowrap}
.note{background:var(--raised);border-left:4px solid var(--line);border-radius:0 6px 6px 0;padding:.55rem .8rem}
.badge.good,.note.good{background:var(--good-back);color:var(--good);border-color:var(--good)}
.badge.bad,.note.bad{background:var(--bad-back);color:var(--bad);border-color:var(--bad)}
.badge.warn,.note.warn{background:var(--warn-back);color:var(--warn);border-color:var(--warn)}
.bar{display:block;min-width:7rem;height:.75rem;margin:.35rem 0;border-radius:3px;background:var(--raised);
box-shadow:inset 0 0 0 1px var(--line);overflow:hidden}
.bar span{display:block;height:100%;min-width:2px;background:var(--accent);border-radius:3px}
.bar.good span{background:var(--good)}.bar.bad span{background:var(--bad)}.bar.warn span{background:var(--warn)}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--accent)}
footer{margin-top:2.5rem;padding-top:.8rem;border-top:1px solid var(--line);color:var(--soft);font-size:.85rem}
@media (max-width:34rem){body{padding:1rem .9rem 2rem}h1{font-size:1.3rem}.card strong{font-size:1.1rem}
.cards{grid-template-columns:1fr 1fr}
.bar{min-width:4rem}th,td{padding-right:.5rem}table{font-size:.85rem}}
@media print{:root{--paper:#fff;--raised:#f6f7f9;--line:#ccc;--ink:#000;--soft:#444;--accent:#2458b8;
--good:#17693a;--good-back:#fff;--bad:#a3231c;--bad-back:#fff;--warn:#7a5200;--warn-back:#fff}
body{max-width:none;padding:0;font-size:11px}section,tr,.card{break-inside:avoid}h2{break-after:avoid}
.scroll{overflow:visible}.bar span{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
