"use strict";
// What the scripts of all pages share.

const byId = (id) => document.getElementById(id);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The rule of the reports: cut off where rounding would make 1 of a value below 1.
function formatRate(value, digits = 4) {
  if (value === null) return "n/a";
  const rounded = value.toFixed(digits);
  const limit = 1 - 10 ** -digits;
  return value < 1 && Number(rounded) >= 1 ? limit.toFixed(digits) : rounded;
}
