// Keys of the review: each presses what has it in data-key. Without this script the buttons do.
"use strict";
const writes = (element) => element.closest("input:not([type=checkbox]), textarea, select") !== null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat) return;
  if (writes(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const key = event.key.normalize("NFKC").toLowerCase();
  // Enter on a link or a button is what it always is.
  if (key === "enter" && event.target.closest("a, button, summary") !== null) return;
  const found = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  if (found === undefined) return;
  event.preventDefault();
  if (found.matches("summary")) {
    found.parentElement.open = true;
    found.parentElement.querySelector("textarea").focus();
    return;
  }
  found.click();
});
