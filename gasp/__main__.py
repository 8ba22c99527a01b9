"""``python -m gasp`` is the command ``gasp``."""

from gasp.cli import main

main()
