"""From chapters to a book: executed notebooks, what their pages say beside figures, and the HTML site."""
