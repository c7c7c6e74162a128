"use strict";
// What every page needs: elements and numbers.

const byId = (id) => document.getElementById(id);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// As in the reports: a value below 1 is cut off, not rounded, where rounding would print 1.
function formatRate(value, digits = 4) {
  if (value === null) return "n/a";
  const rounded = value.toFixed(digits);
  const limit = 1 - 10 ** -digits;
  return value < 1 && Number(rounded) >= 1 ? limit.toFixed(digits) : rounded;
}
