// Package browser holds tests that look at the HTML report in a real Chromium:
// what a reader sees, hears, presses and prints. It is a module of its own, so
// that bvc does not depend on what drives a browser. ci/browser.sh brings the
// pages, the browser and axe-core, and names them in the environment.
package browser
