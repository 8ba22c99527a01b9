// What style.css alone cannot do for a narrow page.
document.addEventListener("DOMContentLoaded", () => {
  // A line of code that wraps goes on to the right of its own indentation, and no option such as --profile breaks.
  for (const code of document.querySelectorAll("article .highlight pre")) {
    const margin = code.closest(".highlight-diff") ? /^[+ -]?\s*/ : /^\s*/;
    const lines = code.innerHTML.replace(/^(<span><\/span>)?/, "").replace(/\n$/, "").split("\n");
    code.innerHTML = lines
      .map((line) => {
        const indent = line.replace(/<[^>]*>/g, "").match(margin)[0].length + 2;
        const whole = line.replace(/(^|[>\s"[(`])(--?[a-z][\w-]*)(?![^<]*>)/g, '$1<span class="gasp-whole">$2</span>');
        return `<span class="gasp-line" style="--indent: ${indent}ch">${whole}\n</span>`;
      })
      .join("");
  }

  // A name in the text stays whole, and with the bracket or comma beside it, if there is room; in a table, always. (All is read
  // before all is written, so that the page is laid out three times and not once for each name.)
  const names = [...document.querySelectorAll("article :is(p, li, dd) code")];
  const room = names.map((name) => (name.closest("td") ? Infinity : name.closest("p, li, dd").clientWidth));
  names.forEach((name) => name.classList.add("gasp-whole"));
  const taken = names.map((name) => name.offsetWidth);
  names.forEach((name, place) => name.classList.toggle("gasp-whole", taken[place] <= room[place]));

  // A table of more than three columns, or wider than the page, becomes a list of cards: style.css stacks the cells, and each cell
  // needs its heading.
  for (const table of document.querySelectorAll("article table:not(.gasp-claims)")) {
    const headings = [...table.querySelectorAll("thead th")].map((heading) => heading.textContent.trim());
    if (headings.length <= 3 && table.offsetWidth <= table.parentElement.clientWidth) continue;
    table.classList.add("gasp-cards");
    const first = [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
    if (new Set(first).size < first.length) table.classList.add("gasp-two-keys"); // rows differ in their second cell
    for (const row of table.tBodies[0].rows) {
      [...row.cells].forEach((cell, column) => {
        cell.dataset.label = headings[column] ?? "";
        cell.classList.toggle("gasp-empty", !cell.textContent.trim());
        cell.classList.toggle("gasp-text", !(cell.querySelector(":scope > p") ?? cell).childElementCount);
      });
    }
  }
});
