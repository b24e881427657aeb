// The looks of the inbox element. A constructable sheet: no inline style, so a strict Content-Security-Policy is kept.

const TOKENS = `
:host {
  color-scheme: light dark;
  --paper: var(--tidings-paper, light-dark(#fffdf9, #1b212c));
  --raised: var(--tidings-raised, light-dark(#f7f2e9, #232b38));
  --ink: var(--tidings-ink, light-dark(#1b2536, #ece6da));
  --muted: var(--tidings-muted, light-dark(#5f6674, #a3abb8));
  --line: var(--tidings-line, light-dark(#e6dece, #323b4a));
  --accent: var(--tidings-accent, light-dark(#bf3b1d, #ff8a68));
  --on-accent: var(--tidings-on-accent, light-dark(#fffaf5, #241009));
  --high: light-dark(#b3261e, #ff8f85);
  --medium: light-dark(#8f5400, #f0b65a);
  --low: light-dark(#1c6b63, #6fcabc);
  --radius: var(--tidings-radius, 14px);
  display: block;
  position: relative;
  color: var(--ink);
  font: 400 15px/1.45 var(--tidings-font, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif);
}
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([hidden]) { display: none; }
:host([layout="popover"]) { display: inline-block; }
* { box-sizing: border-box; }
.icon { width: 1.2em; height: 1.2em; fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; flex: none; pointer-events: none; }
.hidden-text { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 8px; }
[hidden] { display: none !important; }
`;

const FRAME = `
.panel { display: flex; flex-direction: column; background: var(--paper); border: 1px solid var(--line); border-radius: var(--radius); overflow: hidden; height: 100%; min-height: 0; }
:host([layout="popover"]) .panel { position: absolute; right: 0; top: calc(100% + 10px); width: min(400px, calc(100vw - 24px)); height: auto; max-height: min(620px, 80vh); z-index: 20; box-shadow: 0 18px 50px rgb(0 0 0 / 0.22); }
.head { display: flex; align-items: center; gap: 10px; padding: 14px 16px 6px; }
.title { margin: 0; font: 600 17px/1.2 var(--tidings-display, inherit); letter-spacing: -0.005em; flex: 1; min-width: 0; }
.bell { position: relative; display: inline-grid; place-items: center; width: 38px; height: 38px; border-radius: 50%; background: var(--raised); font-size: 16px; }
button.bell:hover { color: var(--accent); }
.badge { position: absolute; top: -4px; right: -6px; min-width: 20px; height: 20px; padding: 0 5px; border-radius: 10px; background: var(--accent); color: var(--on-accent); font: 700 11.5px/20px inherit; font-family: inherit; font-size: 11.5px; line-height: 20px; font-weight: 700; text-align: center; font-variant-numeric: tabular-nums; box-shadow: 0 0 0 2px var(--paper); }
.bar { display: flex; align-items: center; gap: 4px; padding: 4px 10px 0; border-bottom: 1px solid var(--line); }
.tabs { display: flex; flex: 1; min-width: 0; }
.tab { position: relative; padding: 9px 9px 11px; color: var(--muted); font-size: 14px; white-space: nowrap; }
.tab:hover { color: var(--ink); }
.tab[aria-selected="true"] { color: var(--ink); font-weight: 600; }
.tab[aria-selected="true"]::after { content: ""; position: absolute; inset: auto 9px -1px; height: 2px; border-radius: 2px; background: var(--accent); }
.tool { display: inline-grid; place-items: center; width: 34px; height: 34px; border-radius: 9px; color: var(--muted); font-size: 15px; }
.tool:hover:not(:disabled) { background: var(--raised); color: var(--ink); }
.tool:disabled { opacity: 0.4; cursor: default; }
.scroll { overflow-y: auto; overscroll-behavior: contain; flex: 1; min-height: 0; scrollbar-width: thin; scrollbar-color: var(--line) transparent; }
.problem { margin: 10px 14px 4px; padding: 8px 12px; border-radius: 10px; background: color-mix(in oklab, var(--high) 12%, transparent); color: var(--high); font-size: 13.5px; }
.empty { display: grid; justify-items: center; gap: 6px; padding: 52px 24px 58px; color: var(--muted); text-align: center; }
.empty .icon { width: 40px; height: 40px; stroke-width: 1; color: var(--line); color: color-mix(in oklab, var(--muted) 55%, transparent); margin-bottom: 6px; }
.empty strong { color: var(--ink); font: 600 16px/1.3 var(--tidings-display, inherit); }
.empty span { font-size: 14px; max-width: 26ch; }
.more { display: block; width: calc(100% - 28px); margin: 10px 14px 14px; padding: 10px; border: 1px solid var(--line); border-radius: 10px; font-size: 14px; font-weight: 600; }
.more:hover { background: var(--raised); }
.more:disabled { opacity: 0.6; cursor: default; }
`;

const ROWS = `
.row { position: relative; display: grid; grid-template-columns: 38px 1fr; gap: 0 12px; padding: 13px 14px 13px 17px; border-bottom: 1px solid var(--line); --tone: transparent; }
.row:last-child { border-bottom: 0; }
.row::before { content: ""; position: absolute; inset: 0 auto 0 0; width: 3px; background: var(--tone); }
.row[data-severity="high"] { --tone: var(--high); }
.row[data-severity="medium"] { --tone: var(--medium); }
.row[data-severity="low"] { --tone: var(--low); }
.row:hover, .row:focus-within { background: var(--raised); }
.row:focus-visible { outline-offset: -3px; border-radius: 6px; }
.face { position: relative; width: 38px; height: 38px; border-radius: 50%; display: grid; place-items: center; overflow: hidden; font-size: 13.5px; font-weight: 650; letter-spacing: 0.02em; background: var(--tint); color: var(--shade); }
.face img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; }
.face[data-hue="0"] { --tint: light-dark(#f6ddd3, #4a2a20); --shade: light-dark(#8c2f17, #ffb59e); }
.face[data-hue="1"] { --tint: light-dark(#d8e8e4, #1d3d39); --shade: light-dark(#14564e, #9adccf); }
.face[data-hue="2"] { --tint: light-dark(#dde4f4, #27344f); --shade: light-dark(#2c4682, #b3c7f5); }
.face[data-hue="3"] { --tint: light-dark(#f5e6c4, #463816); --shade: light-dark(#74510a, #f0cf86); }
.face[data-hue="4"] { --tint: light-dark(#ecdcea, #40293f); --shade: light-dark(#753069, #e6b3dd); }
.main { min-width: 0; }
.line { display: flex; align-items: baseline; gap: 8px; }
.subject { flex: 1; min-width: 0; margin: 0; font-size: 14.5px; font-weight: 500; line-height: 1.35; overflow-wrap: anywhere; }
.subject a { color: inherit; text-decoration: underline; text-decoration-color: var(--line); text-decoration-color: color-mix(in oklab, var(--muted) 50%, transparent); text-underline-offset: 3px; }
.subject a:hover { text-decoration-color: var(--accent); }
.row[data-unread] .subject { font-weight: 680; }
.age { color: var(--muted); font-size: 12.5px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.spot { width: 8px; height: 8px; border-radius: 50%; background: var(--accent); flex: none; align-self: center; visibility: hidden; }
.row[data-unread] .spot { visibility: visible; }
.body { margin: 2px 0 0; font-size: 14px; color: var(--muted); overflow-wrap: anywhere; white-space: pre-line; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4; overflow: hidden; }
.row[data-unread] .body { color: color-mix(in oklab, var(--ink) 82%, var(--muted)); }
.foot { display: flex; align-items: center; gap: 6px; margin-top: 6px; min-height: 30px; }
.tags { display: flex; flex-wrap: wrap; gap: 5px; flex: 1; min-width: 0; margin: 0; padding: 0; list-style: none; }
.tag { padding: 1px 8px; border-radius: 20px; border: 1px solid var(--line); color: var(--muted); font-size: 12px; line-height: 1.5; overflow-wrap: anywhere; }
.tag.severity { border-color: transparent; background: color-mix(in oklab, var(--tone) 13%, transparent); color: var(--tone); font-weight: 650; }
.tools { display: flex; gap: 2px; margin: -2px -4px -2px 0; }
.tools .tool { width: 30px; height: 30px; }
.tools .tool:hover { background: color-mix(in oklab, var(--ink) 9%, transparent); }
.tools .danger:hover { color: var(--high); }
@media (hover: hover) {
  .tools { opacity: 0; transition: opacity 120ms; }
  .row:hover .tools, .row:focus-within .tools { opacity: 1; }
}
.row.arriving { animation: arrive 420ms cubic-bezier(0.2, 0.8, 0.2, 1); }
@keyframes arrive { from { opacity: 0; transform: translateY(-10px); background: color-mix(in oklab, var(--accent) 14%, transparent); } }
@media (prefers-reduced-motion: reduce) { .row.arriving { animation: none; } .tools { transition: none; } }
@media (forced-colors: active) { .badge { border: 1px solid; } .row::before { background: CanvasText; } }
`;

/** @type {CSSStyleSheet | null} */
let sheet = null;

/** The style sheet, made once for all elements. */
export function inboxStyle() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(TOKENS + FRAME + ROWS);
  }
  return sheet;
}
