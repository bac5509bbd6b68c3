/** The style sheet of the report: screen and paper, light and dark. It refers to nothing outside. */
export const REPORT_STYLE: string = `
:root{color-scheme:light dark;--ink:#1b1f24;--quiet:#57606a;--paper:#fff;--tint:#f5f6f8;--rule:#d5d9df;--link:#0b57a4;
--ok:#17653a;--tampered:#a11a20;--undecided:#7a4b00;--ok-tint:#e8f4ec;--tampered-tint:#fbebeb;--undecided-tint:#fbf2e0;--bar:#3d5a80;--on-bar:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7eb;--quiet:#a3adb8;--paper:#14171b;--tint:#1d2127;--rule:#3a414a;--link:#8fbdf2;
--ok:#7fd6a2;--tampered:#ff9d98;--undecided:#f0c266;--ok-tint:#16271d;--tampered-tint:#2f1b1c;--undecided-tint:#2b2416;--bar:#8ea9cf;--on-bar:#14171b}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink)}
.report{font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;max-width:62rem;margin:0 auto;padding:2.5rem 1.5rem 4rem;overflow-wrap:anywhere}
.report p,.report ul,.report dl,.report figure{margin:.6rem 0}
.report ul{padding-left:1.2rem}
.report li{margin:.3rem 0}
.report header{border-top:6px solid currentColor;padding-top:1.4rem}
.report header.ok{border-color:var(--ok)}.report header.tampered{border-color:var(--tampered)}.report header.undecided{border-color:var(--undecided)}
.report h1{font-size:1.7em;line-height:1.3;font-weight:600;letter-spacing:-.01em;margin:.8rem 0;max-width:46rem}
.report h2{font-size:1.2em;line-height:1.35;font-weight:600;margin:2.6rem 0 .6rem;padding-top:.7rem;border-top:1px solid var(--rule)}
.report h3{font-size:1.03em;font-weight:600;margin:1.6rem 0 .4rem}
.report h4{font-size:1em;font-weight:600;margin:1.2rem 0 .4rem}
.report .label{font-size:.78em;font-weight:600;letter-spacing:.07em;text-transform:uppercase;color:var(--quiet);margin:0 0 .3rem}
.report .quiet,.report .cut,.report .where,.report .legend{color:var(--quiet);font-size:.9em}
.report .cut{font-style:italic}
.report a{color:var(--link)}
.report code,.report pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.87em;unicode-bidi:isolate;direction:ltr}
.report .badge{display:inline-flex;align-items:center;gap:.4rem;padding:.16rem .65rem .16rem .5rem;border-radius:999px;font-size:.82em;font-weight:700;letter-spacing:.04em;white-space:nowrap;vertical-align:.1em;border:1px solid currentColor}
.report .badge svg{fill:none;stroke:currentColor;stroke-width:2.6;stroke-linecap:round;stroke-linejoin:round}
.report .badge.ok{color:var(--ok);background:var(--ok-tint)}.report .badge.tampered{color:var(--tampered);background:var(--tampered-tint)}.report .badge.undecided{color:var(--undecided);background:var(--undecided-tint)}
.report .columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:0 2.5rem}
.report .facts{display:grid;gap:.35rem;margin:1.1rem 0}
.report .facts div{display:grid;grid-template-columns:13rem 1fr;gap:0 1rem}
.report .facts dt{color:var(--quiet)}.report .facts dd{margin:0}
.report .scroll{overflow-x:auto;max-width:100%;margin:.8rem 0}
.report .scroll:focus-visible,.report .note:focus-visible,.report summary:focus-visible,.report a:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.report table{border-collapse:collapse;width:100%;font-size:.93em;font-variant-numeric:tabular-nums}
.report th,.report td{text-align:left;vertical-align:top;padding:.5rem 1rem .5rem 0;border-bottom:1px solid var(--rule);font-weight:400;min-width:6rem}
.report thead th{font-size:.78em;font-weight:600;letter-spacing:.04em;color:var(--quiet);border-bottom-color:var(--quiet)}
.report .number,.report .time{white-space:nowrap}
.report .spoken{display:block;font-size:.95em;line-height:1.6;max-width:22em;min-width:19.5em}
.report .digest{font-size:.8em}
.report .finding{border-left:4px solid var(--rule);padding:.1rem 0 .1rem 1.1rem;margin:1.4rem 0;break-inside:auto}
.report .finding.tampered{border-color:var(--tampered)}.report .finding.undecided{border-color:var(--undecided)}
.report .finding h3,.report .finding h4{margin-top:0}
.report .code{color:var(--quiet);font-size:.9em}
.report .severity{font-weight:600}
.report .contents{list-style:none;padding:0}
.report .contents li{border-left:4px solid var(--rule);padding-left:.8rem}.report .contents .tampered{border-color:var(--tampered)}.report .contents .undecided{border-color:var(--undecided)}
.report .sign-off{display:none}
.report .finding.tampered .severity{color:var(--tampered)}.report .finding.undecided .severity{color:var(--undecided)}
.report .places{list-style:none;padding:0}
.report .places li{border-top:1px solid var(--rule);padding:.3rem 0;margin:0}
.report .quote{border:1px dashed var(--quiet);border-radius:3px;background:var(--tint)}
.report .quote figcaption{padding:.45rem .8rem;border-bottom:1px dashed var(--quiet);color:var(--quiet);font-size:.85em}
.report blockquote{margin:0;padding:.5rem .8rem}
.report .omitted{font-style:italic;color:var(--quiet)}
.report .note{background:var(--tint);padding:.8rem;max-width:100%;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;border-radius:3px}
.report summary{cursor:pointer;color:var(--link);padding:.3rem 0}
.report .log{border-top:2px solid var(--quiet);margin-top:3rem}
.report .log>h2{border:0;margin-top:1rem}
.report .sentence{font-size:1.1em}
.report footer{margin-top:3rem;border-top:1px solid var(--rule);color:var(--quiet);font-size:.9em}
.timeline{display:block;width:100%;min-width:44rem;height:auto}
.timeline text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:var(--ink)}
.timeline text.axis{fill:var(--quiet);font-size:12px}.timeline text.in{fill:var(--on-bar);font-size:12px}.timeline text.in.unchecked{fill:var(--ink)}
.timeline .rule{stroke:var(--rule)}.timeline .tick{stroke:var(--quiet)}
.timeline .period{fill:var(--bar)}.timeline .period.unchecked{fill:none;stroke:var(--quiet);stroke-dasharray:4 3}
.timeline .mark{fill:var(--ink);stroke:var(--ink);stroke-width:1.5}.timeline .mark.crash{fill:var(--paper)}.timeline .mark.conflict{fill:var(--undecided);stroke:var(--undecided)}
.timeline .minor{stroke:var(--quiet);stroke-width:1.5}
.timeline .checkpoint{stroke:var(--ok);stroke-width:2}.timeline .checkpoint.unchecked{stroke:var(--quiet);stroke-width:1;stroke-dasharray:3 3}
.timeline .gap,.timeline rect.undecided{fill:var(--undecided)}.timeline rect.tampered{fill:var(--tampered)}
@media (max-width:40rem){.report .scroll table{min-width:36rem}.report{padding:1.2rem 1rem 3rem}.report h1{font-size:1.35em}.report .facts div{grid-template-columns:1fr}.report .facts dt{font-size:.85em}}
@media print{:root{--ink:#000;--quiet:#444;--paper:#fff;--tint:#f3f3f3;--rule:#bbb;--link:#000;--ok:#17653a;--tampered:#a11a20;--undecided:#7a4b00;--ok-tint:#fff;--tampered-tint:#fff;--undecided-tint:#fff;--bar:#3d5a80;--on-bar:#fff}
@page{margin:18mm 16mm}
.report{font-size:10.5pt;max-width:none;padding:0}
.report .scroll,.report .note{overflow:visible}.report .note{font-size:7.5pt}
.report a{text-decoration:none}.report summary{display:none}
.report details::details-content{content-visibility:visible;display:block;height:auto}
.report h2,.report h3,.report h4,.report thead{break-after:avoid}.report tr,.report .quote,.report .timeline,.report .facts div{break-inside:avoid}
.report .sign-off{display:block;break-inside:avoid}.report .sign-off dd{border-bottom:1px solid var(--quiet);min-height:2.4em}
.report .timeline{min-width:0}.report .badge,.timeline *{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;

/** SHA-256 of {@link REPORT_STYLE} in base64, for a Content-Security-Policy that allows this style sheet and no other. */
export const REPORT_STYLE_DIGEST = '718pwnwb0FPPU9C+eH7NiXymhpHR6DPdheFzMNARlMk=';
