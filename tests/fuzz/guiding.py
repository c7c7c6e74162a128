"""Damage guided by coverage: Atheris (libFuzzer) keeps files that reach new branches of vqa and damages them again."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Any

import atheris
from mutations import LARGEST, damaged
from readers import READERS, Reader, folder_name
from running import One


def guided(corpus: Path) -> Any:
    """Return a loop for `running.run` that reads and extends a folder of such files for each reader."""

    def loop(reader: Reader, seed: int, one: One) -> None:
        name = next(name for name, known in READERS.items() if known is reader)
        folder = corpus / folder_name(name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "valid").write_bytes(reader.seed)

        def test_one(data: bytes) -> None:
            if not one(data):
                os._exit(0)  # libFuzzer would not return either

        def mutate(data: bytes, most: int, seed: int) -> bytes:
            return damaged(data, reader.form, random.Random(seed))[:most]

        options = [f"-max_len={LARGEST}", f"-seed={seed % 2**32}", "-verbosity=0", "-rss_limit_mb=0"]
        atheris.Setup([sys.argv[0], str(folder), *options], test_one, custom_mutator=mutate)
        atheris.Fuzz()

    return loop
