// Sorts the matrix by the column whose heading was pressed; pressed again, the other way round. What was not measured
// stays last in both directions.
"use strict";
const table = document.getElementById("cells");
const headings = [...table.tHead.rows[0].cells];
const numbers = (values) => values.every((value) => value === "" || !Number.isNaN(Number(value)));

function sortBy(index) {
  const downwards = headings[index].getAttribute("aria-sort") === "ascending";
  const rows = [...table.tBodies[0].rows];
  const value = (row) => row.cells[index].dataset.sort;
  const compare = numbers(rows.map(value)) ? (a, b) => Number(a) - Number(b) : (a, b) => a.localeCompare(b);
  rows.sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === "" || right === "") return (left === "") - (right === "");
    return downwards ? compare(right, left) : compare(left, right);
  });
  table.tBodies[0].append(...rows);
  headings.forEach((heading) => heading.setAttribute("aria-sort", "none"));
  headings[index].setAttribute("aria-sort", downwards ? "descending" : "ascending");
}

headings.forEach((heading, index) => heading.querySelector("button").addEventListener("click", () => sortBy(index)));
