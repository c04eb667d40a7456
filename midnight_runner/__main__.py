"""``python -m midnight_runner``, which is what ``midnight`` runs."""

from runner.__main__ import main

if __name__ == "__main__":
    main()
