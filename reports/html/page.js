(function () {
  "use strict";
  // The page can be read without this script. It keeps the page's language
  // true for screen readers, opens what a link points at, and adds the search
  // and the filters. It writes texts only, never markup.
  var root = document.documentElement;
  function get(id) { return document.getElementById(id); }
  function all(selector, within) { return Array.prototype.slice.call((within || document).querySelectorAll(selector)); }

  function language() {
    root.lang = get("lang-en").checked ? "en" : "de";
    document.title = (root.lang === "en" ? "Test report " : "Prüfbericht ") + document.querySelector("h1").textContent;
    all("option[data-de]").forEach(function (o) { o.textContent = o.getAttribute("data-" + root.lang); });
    filter();
  }

  // words gives what a reader sees of an element in the page's language.
  function words(element) {
    var out = [];
    (function walk(node) {
      if (node.nodeType === 3) { out.push(node.data); return; }
      if (node.lang && node.lang !== root.lang && !node.classList.contains("keep")) { return; }
      node.childNodes.forEach(walk);
    }(element));
    return out.join("").toLowerCase();
  }
  var index = new Map();
  function has(element, wanted) {
    if (!wanted.length) { return true; }
    var key = root.lang, known = index.get(element) || {};
    if (known[key] === undefined) {
      known[key] = words(element);
      index.set(element, known);
    }
    return wanted.every(function (w) { return known[key].indexOf(w) >= 0; });
  }
  function show(element, yes) { element.classList.toggle("filtered", !yes); return yes; }
  function is(element, name, value) {
    return !value || (element.getAttribute("data-" + name) || "").split(" ").indexOf(value) >= 0;
  }

  function filter() {
    var wanted = get("words").value.toLowerCase().split(/\s+/).filter(Boolean);
    var state = get("by-state").value, verb = get("by-verb").value, level = get("by-level").value, module = get("by-module").value;
    var requirements = all("details.requirement"), found = requirements.filter(function (r) {
      var titled = has(r.querySelector("summary"), wanted);
      var statements = all(".statement", r).filter(function (s) {
        return show(s, is(s, "state", state) && is(s, "verb", verb) && (titled || has(s, wanted)));
      });
      return show(r, is(r, "module", module) && is(r, "level", level) && statements.length > 0);
    });
    all(".module").forEach(function (m) { show(m, all("details:not(.filtered)", m).length > 0); });
    var checks = all("details.check"), kept = checks.filter(function (c) {
      return show(c, is(c, "module", module) && is(c, "level", level) && is(c, "state", state) && is(c, "verb", verb) && has(c, wanted));
    });
    // A search that leaves few is answered with what it found, not with titles.
    if (wanted.length && found.length <= 10) { found.forEach(function (r) { r.open = true; }); }
    var of = root.lang === "en" ? " of " : " von ";
    get("shown-requirements").textContent = found.length + of + requirements.length;
    get("shown-checks").textContent = kept.length + of + checks.length;
  }
  var fields = ["words", "by-state", "by-verb", "by-level", "by-module"];
  function reset() {
    fields.forEach(function (id) { get(id).value = ""; });
    filter();
  }

  // reveal shows what a link points at: out of a filter, in open details, with
  // the focus on it.
  function reveal(hash) {
    var at;
    try { at = hash.length > 1 && get(decodeURIComponent(hash.slice(1))); } catch (e) { return; }
    if (!at) { return; }
    if (at.closest(".filtered")) { reset(); }
    for (var e = at; e; e = e.parentElement) {
      if (e.tagName === "DETAILS") { e.open = true; }
    }
    at.scrollIntoView();
    var focus = at.tagName === "DETAILS" ? at.querySelector("summary") : at;
    if (focus.tabIndex < 0) { focus.tabIndex = -1; }
    focus.focus({ preventScroll: true });
  }

  ["lang-de", "lang-en"].forEach(function (id) { get(id).addEventListener("change", language); });
  fields.forEach(function (id) { get(id).addEventListener("input", filter); });
  get("reset").addEventListener("click", function () { reset(); get("words").focus(); });
  [["open-all", true], ["close-all", false]].forEach(function (b) {
    get(b[0]).addEventListener("click", function () {
      all("details:not(.filtered)").forEach(function (d) { d.open = b[1]; });
    });
  });
  // A link to where the page already is changes no fragment, hence the clicks.
  document.addEventListener("click", function (event) {
    var link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) { reveal(link.hash); }
  });
  window.addEventListener("hashchange", function () { reveal(location.hash); });
  // What is printed is the whole report, and afterwards the page is as it was.
  var closed = [];
  window.addEventListener("beforeprint", function () {
    closed = all("details:not([open])");
    closed.forEach(function (d) { d.open = true; });
  });
  window.addEventListener("afterprint", function () {
    closed.forEach(function (d) { d.open = false; });
  });
  get("find").hidden = false;
  language();
  reveal(location.hash);
}());
