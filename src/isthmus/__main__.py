"""Runs the command line: ``python -m isthmus`` does what ``isthmus`` does."""

from __future__ import annotations

from isthmus.cli import main

if __name__ == "__main__":
    main()
