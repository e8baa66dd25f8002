# SPDX-License-Identifier: Apache-2.0
"""How pages look, in light and dark, wide and narrow."""

STYLE = """
:root { --ink: #22262b; --soft: #5c6570; --paper: #fbfbf9; --line: #dfe1e3;
  --card: #ffffff; --accent: #3f6fb5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #a3abb5;
  --paper: #16181b; --line: #33383e; --card: #1d2024; --accent: #8fb4e8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: break-word; }
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; font-weight: 650; }
h2 { font-size: 1.25rem; margin: 0 0 .4rem; font-weight: 650; }
header p, section > p { color: var(--soft); max-width: 44rem; margin: 0 0 1rem; }
section { margin-top: 2.75rem; }
.tiles { display: grid; gap: .75rem; margin: 0;
  grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); }
.tiles div { background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; padding: .7rem .9rem; }
.tiles dt { color: var(--soft); font-size: .85rem; }
.tiles dd { margin: 0; font-size: 1.5rem; font-weight: 600;
  font-variant-numeric: tabular-nums; }
.table { overflow-x: auto; margin: 0 0 .5rem; }
.pair { display: grid; gap: 1.75rem 3rem; }
@media (min-width: 58rem) { .pair { grid-template-columns: 1fr 1fr; } }
.narrow { max-width: 44rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .35rem; }
th, td { padding: .36rem .5rem; text-align: right; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { font-weight: 400; }
thead th { color: var(--soft); font-size: .85rem; vertical-align: bottom; }
th:first-child { text-align: left; padding-left: 0; }
.bar { display: flex; gap: .6rem; align-items: center; min-width: 5.5rem; }
.bar > span:first-child { flex: 0 0 2.9rem; }
.bar > span + span { flex: 1; }
.bar i { display: block; height: .75rem; background: var(--accent); opacity: .75;
  border-radius: 0 3px 3px 0; }
.legend { margin-bottom: .9rem; }
.term { display: inline-block; margin-right: 1.1rem; white-space: nowrap; }
.swatch { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%;
  margin-right: .5rem; vertical-align: baseline; }
.note, figcaption { color: var(--soft); font-size: .9rem; margin: .4rem 0 0; }
figure { margin: 0; }
.figures { display: grid; gap: 1.75rem; }
@media (min-width: 62rem) { .figures.two { grid-template-columns: 1fr 1fr; } }
.pictures { display: grid; gap: .5rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(14rem, 100%), 1fr)); }
.compact .pictures { grid-template-columns: repeat(3, 1fr); }
img { display: block; max-width: 100%; height: auto; border-radius: 4px; }
.pictures img { width: 100%; }
.curves { display: grid; gap: .5rem 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); }
.curves svg { width: 100%; height: auto; display: block; }
.curves text { font-family: inherit; }
details { margin-top: .75rem; }
summary { cursor: pointer; color: var(--accent); }
dl.terms { display: grid; grid-template-columns: minmax(7rem, auto) 1fr;
  gap: .3rem 1rem; margin: .6rem 0 0; font-size: .95rem; }
dl.terms dd { margin: 0; color: var(--soft); }
@media (max-width: 30rem) { main { padding: 1.5rem 1rem 3rem; }
  th, td { padding: .34rem .25rem; } table { font-size: .88rem; }
  .bar { min-width: 5rem; gap: .35rem; }
  dl.terms { grid-template-columns: 1fr; } dl.terms dd { margin-bottom: .4rem; } }
@media print { body { background: none; } section { break-inside: avoid-page; } }
"""
