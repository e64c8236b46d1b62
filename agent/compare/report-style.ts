/** The report's style sheet: light, dark and print; colour never alone. */
export const reportStyle = `
:root{color-scheme:light dark;--paper:#f6f6f3;--panel:#fff;--ink:#1c2023;--quiet:#5d656c;--line:#dddfda;--ground:#c3c8c4;--ground-line:#9aa19c;--now:#2a5d97;--now-wash:#2a5d9733;--drift:#a8450a;--drift-wash:#fbe8da;--same:#23704a;--same-wash:#e6f1ea;--insufficient:#7a5a00;--insufficient-wash:#f7efd2;--skipped:#5d656c;--skipped-wash:#ecece8;--figure:ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media (prefers-color-scheme:dark){:root{--paper:#131518;--panel:#1a1d21;--ink:#e5e7e4;--quiet:#9aa2a9;--line:#2b3036;--ground:#4a5157;--ground-line:#6b747b;--now:#86b4e8;--now-wash:#86b4e833;--drift:#f2a06a;--drift-wash:#3a2416;--same:#74c495;--same-wash:#1b2b23;--insufficient:#e2c05a;--insufficient-wash:#322b10;--skipped:#9aa2a9;--skipped-wash:#24282d}}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
body{margin:0 auto;padding:0 1.5rem 3rem;max-width:84rem;background:var(--paper);color:var(--ink);font:.875rem/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;overflow-wrap:anywhere}
p,dl,dd,ul,h1,h2,h3{margin:0;padding:0}
ul{list-style:none}
header{padding:1.4rem 0 1rem;border-bottom:1px solid var(--line)}
.mark{font:700 .875rem var(--figure);letter-spacing:-.03em;color:var(--quiet)}
h1{font-size:2.1rem;line-height:1.15;letter-spacing:-.02em;margin:.15rem 0 .7rem}
h1.drift{color:var(--drift)}h1.same{color:var(--same)}
.files{display:grid;gap:.15rem}
.files div{display:flex;gap:.8rem}
.files dt{flex:0 0 6.2rem;color:var(--quiet)}
.key{display:inline-block;width:.8rem;height:.8rem;margin-right:.45rem;vertical-align:-.1rem;border-radius:2px}
.key.reference{background:var(--ground);border:1px solid var(--ground-line)}.key.current{background:var(--now-wash);border:2px solid var(--now)}
.path{font-family:var(--figure);font-size:.8125rem}
.quiet{color:var(--quiet)}
.tally{display:flex;flex-wrap:wrap;gap:.5rem;margin-top:.9rem}
.tally li{padding:.2rem .7rem;border-radius:999px}
.tally b{font-variant-numeric:tabular-nums}
.drift{--tone:var(--drift);--wash:var(--drift-wash)}.same{--tone:var(--same);--wash:var(--same-wash)}.insufficient{--tone:var(--insufficient);--wash:var(--insufficient-wash)}.skipped{--tone:var(--skipped);--wash:var(--skipped-wash)}
.tally li,.badge{background:var(--wash);color:var(--tone)}
.badge{display:inline-block;padding:.05rem .5rem;border-radius:999px;font-size:.75rem;font-weight:600;white-space:nowrap}
.note{margin-top:.8rem;padding:.55rem .9rem;border-left:3px solid var(--insufficient);background:var(--insufficient-wash)}
.note b{color:var(--insufficient);margin-right:.3rem}
h2{margin:1.8rem 0 .6rem;font-size:.75rem;font-weight:650;letter-spacing:.07em;text-transform:uppercase;color:var(--quiet)}
svg{display:block;width:100%;height:auto;font:11px var(--figure)}
.effects{min-width:34rem}.scroll:has(.effects){max-width:62rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(21.5rem,1fr));gap:1rem;align-items:start}
.card{background:var(--panel);border:1px solid var(--line);border-top:3px solid var(--tone);border-radius:6px;padding:.8rem 1rem .7rem;scroll-margin-top:1rem;break-inside:avoid}
.small{grid-template-columns:repeat(auto-fill,minmax(15.5rem,1fr));margin:1rem 0}.small .what{min-height:0}.small h3{font-size:.9rem}
.card:target{outline:2px solid var(--now);outline-offset:2px}
h3{display:flex;flex-wrap:wrap;align-items:baseline;gap:.2rem .6rem;font-size:1rem;line-height:1.3}
.name{font-weight:650}
.effect{margin-left:auto;font:.75rem var(--figure);color:var(--quiet)}
.effect b{font-size:1.05rem;color:var(--tone)}
.what{margin:.2rem 0 .6rem;min-height:2.5em;color:var(--quiet);font-size:.8125rem}
.ground{fill:var(--ground)}
.over{fill:var(--now-wash)}.edge{fill:none;stroke:var(--now);stroke-width:1.75;stroke-linejoin:round}
.bar{fill:var(--now)}
.cut{stroke:var(--panel);stroke-width:2.5}.axis{stroke:var(--ground-line)}.grid{stroke:var(--line)}
.hit{fill:transparent}.hit:hover{fill:var(--ink);fill-opacity:.07}
.tick{fill:var(--quiet)}.label{fill:var(--ink)}
.stem{stroke:var(--tone);stroke-width:3}.dot{fill:var(--tone)}
.limit{stroke:var(--ink);stroke-dasharray:3 3}.limit-label{fill:var(--ink)}
a{color:inherit;text-decoration:none}a:hover .label{text-decoration:underline}
:focus-visible{outline:2px solid var(--now);outline-offset:2px}
.missing{display:grid;grid-template-columns:auto 1fr auto 1fr auto;align-items:center;gap:.5rem;margin-top:.5rem;font-size:.75rem;color:var(--quiet)}
.strip{height:.45rem;background:var(--skipped-wash);border-radius:2px;overflow:hidden}
.strip i{display:block;height:100%;min-width:1px}.strip .reference{background:var(--ground-line)}.strip .current{background:var(--now)}
details{margin-top:.55rem;font-size:.8125rem}
summary{cursor:pointer;color:var(--quiet)}
details p{margin-top:.35rem;color:var(--quiet)}
table{border-collapse:collapse;width:100%;font-size:.8125rem}
th,td{padding:.22rem .6rem;text-align:left;font-weight:400;border-bottom:1px solid var(--line);vertical-align:baseline}
thead th{color:var(--quiet);font-weight:600}
.n{text-align:right;font-family:var(--figure);font-size:.75rem;font-variant-numeric:tabular-nums;white-space:nowrap}
th.n{font:600 .8125rem system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
tbody th.name{font-weight:650}
table{overflow-wrap:normal}.scroll{overflow-x:auto;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.3rem .4rem}
.rest{margin:0 0 1rem;display:grid;gap:.35rem}
footer{margin-top:1.8rem;padding-top:.8rem;border-top:1px solid var(--line);color:var(--quiet);font-size:.8125rem}
@media (max-width:40rem){body{padding:0 .8rem 2rem}h1{font-size:1.6rem}.cards{grid-template-columns:1fr}.what{min-height:0}}
@media print{:root{--paper:#fff;--panel:#fff;--ink:#000;--quiet:#444;--line:#ccc;--ground:#c8c8c8;--ground-line:#888;--now:#1d4f8a;--now-wash:#1d4f8a26;--drift:#a8450a;--same:#23704a;--insufficient:#7a5a00}body{padding:0;max-width:none;font-size:9pt}.cards{grid-template-columns:1fr 1fr}.cards.small{grid-template-columns:1fr 1fr 1fr}details{display:none}.hit{display:none}h2{break-after:avoid}tr{break-inside:avoid}.scroll{overflow:visible}.effects{min-width:0}.scroll table,.scroll .n,.scroll .badge{font-size:6.5pt}.scroll th,.scroll td{padding:.15rem .25rem}*{print-color-adjust:exact}}
`;
