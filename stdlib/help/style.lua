--- The look of the manual and the script of its search, which is in every page.
--
--   > #style.css > 500, style.script:find "pages" ~= nil
--   true	true
local style = {}

style.css = [[
:root { color-scheme: light dark; --fg: #1d2330; --bg: #fff; --soft: #f4f5f8; --line: #d9dce4;
  --link: #0b57c4; --dim: #687085; }
:root[data-mode="dark"] { color-scheme: dark; --fg: #e4e7ee; --bg: #14171f; --soft: #1e222d; --line: #343a49;
  --link: #7fb0ff; --dim: #98a0b3; }
@media (prefers-color-scheme: dark) { :root:not([data-mode="light"]) { --fg: #e4e7ee; --bg: #14171f;
  --soft: #1e222d; --line: #343a49; --link: #7fb0ff; --dim: #98a0b3; } }
:root[data-mode="light"] { color-scheme: light; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); }
header { position: sticky; top: 0; display: flex; gap: 1rem; align-items: center; padding: .6rem 1.2rem;
  background: var(--soft); border-bottom: 1px solid var(--line); z-index: 1; }
header a { font-weight: 600; }
header input { flex: 1; max-width: 32rem; font: inherit; padding: .3rem .6rem; color: inherit;
  background: var(--bg); border: 1px solid var(--line); border-radius: 6px; }
header button { font: inherit; color: inherit; background: none; border: 1px solid var(--line);
  border-radius: 6px; cursor: pointer; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem 1.2rem 4rem; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
h1 { font-size: 1.7rem; margin: .6rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; scroll-margin-top: 4rem; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); scroll-margin-top: 3.5rem; }
section h2 { font-family: ui-monospace, monospace; margin-top: 1rem; }
section h2 a { color: inherit; }
code, pre { font-family: ui-monospace, monospace; font-size: .88em; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem;
  overflow-x: auto; line-height: 1.4; }
pre.example { border-left: 3px solid var(--link); }
pre b { font-weight: 600; }
.signature { font-weight: 600; margin-top: 1.5rem; }
.mark, .label, .up { color: var(--dim); }
table { border-collapse: collapse; margin: .6rem 0; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0;
  border-bottom: 1px solid var(--line); }
td i { color: var(--dim); font-size: .9em; }
.options td:first-child, .contents td:first-child { white-space: nowrap; }
#found a { display: block; padding: .3rem 0; }
#found span { color: var(--dim); }
@media (max-width: 40rem) {
  .contents td:first-child { white-space: normal; overflow-wrap: anywhere; }
}
]]

style.script = [=[
const box = document.getElementById("search"), found = document.getElementById("found");
const page = document.getElementById("page"), root = document.documentElement;
function points(words, phrase, [name, , summary, text]) {
  const n = name.toLowerCase().replace(/_/g, " "), s = summary.toLowerCase(), all = n + " " + s + " " + text;
  if (!words.every(w => all.includes(w))) return 0;
  return 1 + (s.includes(phrase) ? 2 : 0) + (words.every(w => n.includes(w)) ? 4 : 0)
    + (n === phrase || n.endsWith("." + phrase) ? 8 : 0);
}
function search() {
  const phrase = box.value.toLowerCase().replace(/_/g, " ").trim(), words = phrase.split(/\s+/);
  found.textContent = "";
  page.hidden = phrase !== "";
  if (phrase === "") return;
  const hits = pages.map(p => [points(words, phrase, p), p]).filter(h => h[0] > 0);
  hits.sort((a, b) => b[0] - a[0]);
  for (const [, [name, address, summary]] of hits.slice(0, 100)) {
    const [a, code, dim] = ["a", "code", "span"].map(tag => document.createElement(tag));
    a.href = address; code.textContent = name; dim.textContent = "  " + summary;
    a.append(code, dim); found.append(a);
    a.onclick = () => { box.value = ""; search(); };
  }
  if (hits.length === 0) found.textContent = "nothing mentions " + phrase;
}
box.addEventListener("input", search);
box.addEventListener("keydown", e => {
  const a = found.querySelector("a");
  if (e.key === "Enter" && a) { location.href = a.href; a.onclick(); }
});
document.addEventListener("keydown", e => {
  if (e.key === "/" && document.activeElement !== box) { e.preventDefault(); box.focus(); }
});
try { const mode = localStorage.getItem("mode"); if (mode) root.dataset.mode = mode; } catch (e) {}
document.getElementById("mode").onclick = () => {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const isDark = (root.dataset.mode || system) === "dark";
  root.dataset.mode = isDark ? "light" : "dark";
  try { localStorage.setItem("mode", root.dataset.mode); } catch (e) {}
};
const asked = new URLSearchParams(location.search).get("q");
if (asked) { box.value = asked; search(); }
]=]

return style
