// On a phone, a table of more than three columns, or with names of code that would break, becomes a list of cards: style.css stacks
// the cells, and each cell needs its heading.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("article table:not(.gasp-claims)")) {
    const headings = [...table.querySelectorAll("thead th")].map((heading) => heading.textContent.trim());
    const breaks = [...table.querySelectorAll("td:first-child code")].some((code) => code.getClientRects().length > 1);
    if (headings.length <= 3 && !breaks) continue;
    table.classList.add("gasp-cards");
    const first = [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
    if (new Set(first).size < first.length) table.classList.add("gasp-two-keys"); // rows differ in their second cell
    for (const row of table.tBodies[0].rows) {
      [...row.cells].forEach((cell, column) => {
        cell.dataset.label = headings[column] ?? "";
        cell.classList.toggle("gasp-empty", !cell.textContent.trim());
      });
    }
  }
});
