"""From chapters to a book: executed notebooks, the text on every page, and the HTML site."""
