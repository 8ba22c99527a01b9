// On a phone, a table of more than three columns becomes a list of cards: style.css stacks the cells, and each cell needs its heading.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("article table:not(.gasp-claims)")) {
    const headings = [...table.querySelectorAll("thead th")].map((heading) => heading.textContent.trim());
    if (headings.length <= 3) continue;
    table.classList.add("gasp-cards");
    for (const row of table.tBodies[0].rows) {
      [...row.cells].forEach((cell, column) => {
        cell.dataset.label = headings[column] ?? "";
        cell.classList.toggle("gasp-empty", !cell.textContent.trim());
      });
    }
  }
});
