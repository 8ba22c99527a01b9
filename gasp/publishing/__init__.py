"""From chapters to a book: executed notebooks, the text that every page carries, and the HTML site."""
