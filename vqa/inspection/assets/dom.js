"use strict";
// What every page needs: elements and numbers.

const byId = (id) => document.getElementById(id);

// As in Python's vqa.display, but white space stays white space.
const INVISIBLE =
  /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

function visible(text) {
  return String(text).replace(INVISIBLE, (character) => {
    const code = character.codePointAt(0).toString(16);
    return code.length < 3 ? `\\x${code.padStart(2, "0")}` : code.length < 5 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
  });
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = visible(text);
  return made;
}

// As in the reports: a value below 1 is cut off, not rounded, where rounding would print 1.
function formatRate(value, digits = 4) {
  if (value === null) return "n/a";
  const rounded = value.toFixed(digits);
  const limit = 1 - 10 ** -digits;
  return value < 1 && Number(rounded) >= 1 ? limit.toFixed(digits) : rounded;
}
