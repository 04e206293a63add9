// SPDX-License-Identifier: BSD-2-Clause
// What a script can add to a page that is complete without it. It reads the page only: no text of a
// report is ever read as markup, nothing is stored, loaded or sent.
"use strict";
(function () {
  const root = document.documentElement;
  const all = (selector, from) => Array.from((from || document).querySelectorAll(selector));
  const byId = (id) => (id ? document.getElementById(id) : null);
  const status = byId("status");

  function make(tag, text, name) {
    const element = document.createElement(tag);
    element.textContent = text;
    if (name) { element.className = name; }
    if (tag === "button") { element.type = "button"; }
    return element;
  }

  function say(text) { if (status) { status.textContent = text; } }

  // Folds: open without a script and on paper.
  const folds = all("details[data-fold]");
  const setFolds = (open) => folds.forEach((one) => { one.open = open; });
  let kept = [];
  setFolds(false);
  addEventListener("beforeprint", () => { kept = folds.map((one) => one.open); setFolds(true); });
  addEventListener("afterprint", () => folds.forEach((one, index) => { one.open = kept[index]; }));

  function reveal() {
    const target = byId(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) { if (at.tagName === "DETAILS") { at.open = true; } }
    if (target) {
      target.classList.remove("off");
      target.scrollIntoView({ block: "center" });
    }
  }
  addEventListener("hashchange", reveal);
  if (location.hash) { reveal(); }

  // Light and dark.
  const theme = make("button", "", "theme");
  const wanted = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : wanted.matches);
  const name = () => { theme.textContent = isDark() ? "Light colours" : "Dark colours"; };
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  wanted.addEventListener("change", name);
  name();
  const top = document.querySelector("header");
  if (top) { top.prepend(theme); }

  // Commands to copy.
  all("pre.command").forEach((block) => {
    const text = block.textContent;
    const button = make("button", "Copy");
    button.addEventListener("click", () => copy(text, block));
    const box = make("div", "", "copy");
    block.replaceWith(box);
    box.append(block, button);
  });
  function copy(text, block) {
    const select = () => { getSelection().selectAllChildren(block); say("Selected, press Ctrl+C"); };
    if (navigator.clipboard) {
      navigator.clipboard.writeText(text).then(() => say("Copied"), select);
    } else { select(); }
  }

  // Listing: what leads where, one at a time.
  const letters = { fast: "S", slow: "I", both: "SI", none: "–" };
  all("[data-tools]").forEach((bar) => {
    const rows = all("tr[id]", byId(bar.dataset.tools + "-list"));
    const kinds = all("[data-reach]", bar.parentElement).map((one) => one.dataset.reach);
    const shown = new Set(kinds);
    if (kinds.length > 1) {
      bar.append(make("span", "Show"));
      kinds.forEach((kind) => {
        const button = make("button", letters[kind]);
        const words = bar.parentElement.querySelector('[data-reach="' + kind + '"]').textContent;
        button.setAttribute("aria-pressed", "true");
        button.setAttribute("aria-label", "Show " + words);
        button.addEventListener("click", () => {
          if (shown.has(kind)) { shown.delete(kind); } else { shown.add(kind); }
          button.setAttribute("aria-pressed", String(shown.has(kind)));
          rows.forEach((row) => row.classList.toggle("off", !kinds.some((one) => shown.has(one) && row.classList.contains(one))));
          say(rows.filter((row) => !row.classList.contains("off")).length + " instructions shown");
        });
        bar.append(button);
      });
    }
    if (bar.dataset.path) { walk(bar, bar.dataset.path); }
  });

  // The failing path, step by step, in the listing.
  function walk(bar, anchor) {
    const steps = all('tr[id^="' + anchor + '-p"]').filter((row) => row.dataset.row);
    if (!steps.length) { return; }
    const box = make("span", "", "walk");
    const back = make("button", "‹ Back");
    const next = make("button", "Step ›");
    const end = make("button", "Done");
    const said = document.createElement("output");
    let at = -1;
    function stop() {
      all("tr.here").forEach((row) => row.classList.remove("here"));
      box.classList.remove("on");
      said.textContent = "";
      at = -1;
      back.disabled = true;
      next.disabled = false;
      end.hidden = true;
    }
    function go(to) {
      all("tr.here").forEach((row) => row.classList.remove("here"));
      at = Math.max(0, Math.min(steps.length - 1, to));
      const row = byId(steps[at].dataset.row);
      if (!row) { return; }
      row.classList.remove("off");
      row.classList.add("here");
      box.classList.add("on");
      end.hidden = false;
      row.scrollIntoView({ block: "center" });
      const cells = steps[at].cells;
      said.textContent = "Step " + (at + 1) + " of " + steps.length + ": " + cells[4].textContent +
        (cells[5].textContent ? " — " + cells[5].textContent : "");
      back.disabled = at === 0;
      next.disabled = at === steps.length - 1;
    }
    back.disabled = true;
    end.hidden = true;
    end.addEventListener("click", () => { stop(); next.focus(); });
    back.addEventListener("click", () => go(at - 1));
    next.addEventListener("click", () => go(at + 1));
    box.append(make("span", "Failing path "), back, " ", next, " ", end, " ", said);
    bar.append(box);
  }

  // What belongs together lights up together: a block and its rows, a clause and the branches it rests on.
  const groups = new Map();
  const add = (key, element) => { if (key) { groups.set(key, (groups.get(key) || []).concat(element)); } };
  all("tr[data-block]").forEach((row) => { add(row.dataset.block, row); });
  all("tr[data-clause]").forEach((row) => {
    add(row.id, row);
    all("a[href]", row).forEach((link) => add(row.id, byId(link.hash.slice(1))));
  });
  let lit = [];
  function light(key) {
    lit.forEach((one) => one.classList.remove("near"));
    lit = (groups.get(key) || []).concat(byId(key) || []).filter((one) => one.classList);
    lit.forEach((one) => one.classList.add("near"));
  }
  function keyOf(target) {
    const found = target.closest ? target.closest("tr[data-block], tr[data-clause], svg a[id]") : null;
    if (!found) { return null; }
    return found.tagName === "TR" ? found.dataset.block || found.id : found.id;
  }
  ["mouseover", "focusin"].forEach((kind) => document.addEventListener(kind, (event) => light(keyOf(event.target))));
})();
