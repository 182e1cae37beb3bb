"use strict";

function compare(one, other) {
  const [a, b] = [Number(one), Number(other)];
  if (one !== "" && other !== "" && !Number.isNaN(a) && !Number.isNaN(b)) return a - b;
  return one.localeCompare(other);
}

for (const button of document.querySelectorAll(".scores button")) {
  button.addEventListener("click", () => {
    const header = button.parentElement;
    const body = header.closest("table").tBodies[0];
    const column = header.cellIndex;
    const sign = header.getAttribute("aria-sort") === "descending" ? 1 : -1;
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const key = (row) => row.cells[column].dataset.key;
    // What is not known stays at the end, whichever way.
    const isKnown = (row) => key(row) !== "" && key(row) !== "–";
    const rows = [...body.rows].sort(
      (one, other) => isKnown(other) - isKnown(one) || sign * compare(key(one), key(other)),
    );
    body.append(...rows);
  });
}

for (const box of document.querySelectorAll(".legend input")) {
  box.addEventListener("change", () => {
    for (const run of box.closest("section").querySelectorAll(`.run[data-row="${box.value}"]`)) {
      run.style.display = box.checked ? "" : "none";
    }
  });
}
