"""Show a run's predictions question by question: the same as ``vqa inspect``.

The name is not ``inspect.py``: that would shadow the standard module, which MXNet imports.
"""

import sys

from vqa.cli import main

if __name__ == "__main__":
    main(["inspect", *sys.argv[1:]])
