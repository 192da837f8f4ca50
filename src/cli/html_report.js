"use strict";
// Sort the table by the column whose heading is clicked: numbers from high to low first, names from A to Z.
{
  const table = document.getElementById("scores");
  const headings = [...table.tHead.rows[1].cells];
  const key = (row, column) => row.cells[column].dataset.value;
  const compare = {
    number: (a, b) => a - b,
    text: (a, b) => a.localeCompare(b, undefined, { numeric: true }),
  };
  headings.forEach((heading, column) => {
    const isText = heading.classList.contains("text");
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const first = isText ? "ascending" : "descending";
      const other = isText ? "descending" : "ascending";
      const order = heading.getAttribute("aria-sort") === first ? other : first;
      const sign = order === "ascending" ? 1 : -1;
      const by = isText ? compare.text : compare.number;
      headings.forEach((h) => h.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", order);
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => sign * by(key(a, column), key(b, column)));
      table.tBodies[0].append(...rows);
    });
  });
}
// Under the pointer, tell the frame and the scores of every object there.
for (const svg of document.querySelectorAll(".chart svg")) {
  const frames = svg.dataset.frames.split("/");
  const left = Number(svg.dataset.left), wide = Number(svg.dataset.wide);
  const readout = svg.parentElement.querySelector(".readout");
  const cursor = svg.querySelector(".cursor");
  const lines = [...svg.querySelectorAll("g.object")].map((g) => ({
    name: g.dataset.object,
    first: Number(g.dataset.first),
    values: g.dataset.values.split(" ").map(Number),
  }));
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width - left;
    const last = frames.length - 1;
    const at = Math.min(last, Math.max(0, Math.round((x / wide) * last)));
    const place = left + (last ? (wide * at) / last : wide / 2);
    cursor.setAttribute("x1", place);
    cursor.setAttribute("x2", place);
    cursor.style.visibility = "visible";
    const scores = lines
      .filter((line) => line.values[at - line.first] !== undefined)
      .map((line) => (lines.length > 1 ? line.name + ": " : "") + line.values[at - line.first].toFixed(3));
    readout.textContent = frames[at] + "  " + scores.join("  ");
  });
  svg.addEventListener("pointerleave", () => {
    cursor.style.visibility = "hidden";
    readout.textContent = "";
  });
}
