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

for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copies);
    getSelection().selectAllChildren(source);
    const said = button.parentElement.querySelector("[role=status]");
    try {
      await navigator.clipboard.writeText(source.textContent);
      said.textContent = "copied";
    } catch {
      said.textContent = "selected: copy it with Ctrl-C";
    }
  });
}

const SVG = "http://www.w3.org/2000/svg";
const N_SHAPES = 9;

function makeMap(root) {
  const { map, traits } = JSON.parse(root.querySelector("script").textContent);
  const [picture, dots, legend, said] = ["svg", ".dots", ".legend", "output"].map((one) => root.querySelector(one));
  const column = root.querySelector("select");
  let chosen = null;

  function mark(code, x, y) {
    const use = document.createElementNS(SVG, "use");
    use.setAttribute("href", `#shape-${code % N_SHAPES}`);
    use.setAttribute("style", traits[code % traits.length]);
    use.setAttribute("x", x);
    use.setAttribute("y", y);
    return use;
  }

  function draw() {
    const { names, codes } = map.columns[column.value];
    chosen = null;
    dots.replaceChildren(
      ...map.places.map(([x, y], index) => {
        const use = mark(codes[index], x, y);
        use.dataset.clip = index;
        return use;
      }),
    );
    legend.replaceChildren(
      ...names.map((name, code) => {
        const [item, icon, word] = [document.createElement("li"), document.createElementNS(SVG, "svg"), document.createElement("span")];
        icon.setAttribute("viewBox", "-13 -13 26 26");
        icon.setAttribute("width", "16");
        icon.setAttribute("height", "16");
        icon.setAttribute("aria-hidden", "true");
        icon.append(mark(code, 0, 0));
        word.textContent = name;
        item.append(icon, word);
        return item;
      }),
    );
  }

  function choose(dot) {
    chosen?.classList.remove("chosen");
    chosen = dot;
    chosen.classList.add("chosen");
    said.textContent = map.clips[chosen.dataset.clip];
  }

  const place = (dot) => [Number(dot.getAttribute("x")), Number(dot.getAttribute("y"))];

  function step(dx, dy) {
    if (chosen === null) return choose(dots.firstElementChild);
    const [x, y] = place(chosen);
    let [nearest, least] = [null, Infinity];
    for (const dot of dots.children) {
      const [across, down] = [place(dot)[0] - x, place(dot)[1] - y];
      const [along, aside] = [across * dx + down * dy, Math.abs(across * dy) + Math.abs(down * dx)];
      if (along > 0 && aside <= along && Math.hypot(along, aside) < least) [nearest, least] = [dot, Math.hypot(along, aside)];
    }
    if (nearest) choose(nearest);
  }

  column.addEventListener("change", draw);
  dots.addEventListener("pointerover", (event) => event.target.dataset.clip && choose(event.target));
  picture.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    step(...way);
  });
  draw();
}

document.querySelectorAll(".map").forEach(makeMap);

// What is folded up is printed too.
const folded = new Set();
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details:not([open])")) {
    folded.add(one);
    one.open = true;
  }
});
addEventListener("afterprint", () => {
  for (const one of folded) one.open = false;
  folded.clear();
});
