(function () {
  "use strict";
  // The language switch works by the style sheet alone; this keeps the page's
  // own language true for screen readers, and opens what a link points at.
  var root = document.documentElement;
  function language() {
    root.lang = document.getElementById("lang-en").checked ? "en" : "de";
  }
  ["lang-de", "lang-en"].forEach(function (id) {
    document.getElementById(id).addEventListener("change", language);
  });
  language();
  function reveal() {
    var at = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    for (var e = at; e; e = e.parentElement) {
      if (e.tagName === "DETAILS") { e.open = true; }
    }
    if (at) { at.scrollIntoView(); }
  }
  window.addEventListener("hashchange", reveal);
  reveal();
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (d) { d.open = true; });
  });
}());
