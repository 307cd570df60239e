#include "tools/report/release/html_report.h"

namespace lathe {

const std::string_view kReportStyle = R"(:root{color-scheme:light dark;
--paper:#fff;--ink:#1c2127;--soft:#5d6772;--rule:#e3e7ec;--panel:#f6f8fa;
--variant:#1f6feb;--naive:#b4690e;--source:#1a7f37;
--q0:#eef5fc;--q1:#d6e6f6;--q2:#b6d3ee;--q3:#8fbce3;--q4:#64a0d5;--q5:#3f83c4;--q6:#2567ae;--q7:#124c91;--q8:#08306b;
--in-light:#1c2127;--in-dark:#fff;
--c0:#1f6feb;--c1:#d1640b;--c2:#1a7f37;--c3:#cf222e;--c4:#8250df;--c5:#0f8a8a;--c6:#bf3989;--c7:#8a6d00;--c8:#57606a;--c9:#5a3d1e}
@media (prefers-color-scheme:dark){:root{
--paper:#0f1317;--ink:#e4e8ec;--soft:#9aa5b1;--rule:#2b323a;--panel:#171c22;
--variant:#6cb0ff;--naive:#e8a14c;--source:#57c274;
--q0:#16212d;--q1:#1a2f45;--q2:#1f4061;--q3:#27547f;--q4:#336b9f;--q5:#4886bd;--q6:#68a3d6;--q7:#93c1ea;--q8:#cbe3fa;
--in-light:#e4e8ec;--in-dark:#0f1317;
--c0:#6cb0ff;--c1:#f2a154;--c2:#57c274;--c3:#ff7b72;--c4:#bc9bff;--c5:#4fc9c9;--c6:#f28bc6;--c7:#d9bd4e;--c8:#b3bcc6;--c9:#c9a27a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.8rem;line-height:1.2;margin:.5rem 0;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.6rem 0 .6rem;padding-bottom:.25rem;border-bottom:1px solid var(--rule)}
h3{font-size:1rem;margin:1.4rem 0 .4rem}
p{margin:.5rem 0}
a{color:var(--variant)}
.soft{color:var(--soft);font-size:.875rem}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1rem;margin:1rem 0;font-size:.9rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1.2rem 0;padding:0}
.facts div{background:var(--panel);border-radius:.5rem;padding:.7rem .9rem}
.facts dt{color:var(--soft);font-size:.8rem}
.facts dd{margin:0;font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums;min-width:100%}
th,td{padding:.32rem .6rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule);vertical-align:top}
th:first-child,td:first-child,.words th,.words td{text-align:left}
.words td{white-space:normal;overflow-wrap:anywhere}
thead th{color:var(--soft);font-weight:600;border-bottom:2px solid var(--rule)}
.sortable th{cursor:pointer}
.sortable th[aria-sort=ascending]::after{content:" \2191"}
.sortable th[aria-sort=descending]::after{content:" \2193"}
.numbers td:first-child{position:sticky;left:0;background:var(--paper)}
tr.naive td{color:var(--soft);font-style:italic}
tr.source td,.numbers tr.source td:first-child{background:var(--panel)}
.e{color:var(--soft);font-size:.8em}
.m{font-weight:600}
code{font:.85em ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
figure{margin:1rem 0}
figcaption{color:var(--soft);font-size:.875rem;margin-top:.2rem}
figure>div{overflow-x:auto}
svg{display:block;max-width:100%;height:auto;min-width:34rem}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(24rem,100%),1fr));gap:1rem}
.pair svg{min-width:0;width:100%}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;fill:var(--ink)}
svg .tick{fill:var(--soft);font-size:11px}
svg .label{fill:var(--soft)}
svg .title{font-weight:600}
svg .name{font-size:11px}
svg .grid{stroke:var(--rule)}
svg .axis{stroke:var(--soft)}
svg .reference{stroke:var(--source);stroke-dasharray:5 4;stroke-width:1.5}
svg .chance{stroke:var(--soft);stroke-dasharray:2 4}
svg .line{fill:none;stroke-width:2}
svg .line.variant,svg .line.naive{opacity:.35}
svg .interval{stroke-width:2;opacity:.55}
svg .over{stroke:var(--ink)}
svg .dot{stroke:var(--paper);stroke-width:1.5}
svg .dot.naive{fill:var(--paper);stroke:var(--naive);stroke-width:2}
svg .dot.variant,svg .bar.variant,svg text.variant{fill:var(--variant)}
svg .line.variant,svg .interval.variant{stroke:var(--variant)}
svg .bar.naive,svg text.naive{fill:var(--naive)}
svg .line.naive,svg .interval.naive{stroke:var(--naive)}
svg .dot.source,svg .bar.source,svg text.source{fill:var(--source)}
svg .line.source,svg .interval.source{stroke:var(--source)}
svg .in-light{fill:var(--in-light);font-size:11px}
svg .in-dark{fill:var(--in-dark);font-size:11px}
svg .q0{fill:var(--q0)}svg .q1{fill:var(--q1)}svg .q2{fill:var(--q2)}svg .q3{fill:var(--q3)}svg .q4{fill:var(--q4)}svg .q5{fill:var(--q5)}svg .q6{fill:var(--q6)}svg .q7{fill:var(--q7)}svg .q8{fill:var(--q8)}
svg .line.c0{stroke:var(--c0)}svg text.c0{fill:var(--c0)}
svg .line.c1{stroke:var(--c1)}svg text.c1{fill:var(--c1)}
svg .line.c2{stroke:var(--c2)}svg text.c2{fill:var(--c2)}
svg .line.c3{stroke:var(--c3)}svg text.c3{fill:var(--c3)}
svg .line.c4{stroke:var(--c4)}svg text.c4{fill:var(--c4)}
svg .line.c5{stroke:var(--c5)}svg text.c5{fill:var(--c5)}
svg .line.c6{stroke:var(--c6)}svg text.c6{fill:var(--c6)}
svg .line.c7{stroke:var(--c7)}svg text.c7{fill:var(--c7)}
svg .line.c8{stroke:var(--c8)}svg text.c8{fill:var(--c8)}
svg .line.c9{stroke:var(--c9)}svg text.c9{fill:var(--c9)}
details{margin:.6rem 0}
summary{cursor:pointer;font-weight:600;padding:.2rem 0}
footer{margin-top:3rem;color:var(--soft);font-size:.875rem}
@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--rule:#ccc;--panel:#f4f4f4}
main{max-width:none;padding:0}nav{display:none}h2{break-after:avoid}figure,tr{break-inside:avoid}
.wide,figure>div{overflow:visible}table{font-size:8pt}th,td{padding:.15rem .3rem}svg{min-width:0}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}details::details-content{content-visibility:visible;height:auto}}
)";

const std::string_view kReportScript =
    R"(for(const t of document.querySelectorAll("table.numbers")){
 t.classList.add("sortable");
 const heads=[...t.tHead.rows[0].cells];
 heads.forEach((h,c)=>h.addEventListener("click",()=>{
  const up=h.getAttribute("aria-sort")!=="ascending";
  heads.forEach(x=>x.removeAttribute("aria-sort"));
  h.setAttribute("aria-sort",up?"ascending":"descending");
  const key=r=>{const s=r.cells[c].textContent,v=parseFloat(s);return c===0||isNaN(v)?s:v};
  const rows=[...t.tBodies[0].rows];
  rows.sort((a,b)=>{const x=key(a),y=key(b);
   const d=typeof x==="number"&&typeof y==="number"?x-y:String(x).localeCompare(String(y));
   return up?d:-d});
  rows.forEach(r=>t.tBodies[0].append(r));
 }));
}
)";

}  // namespace lathe
