"""Take the screenshots of the documentation from a run: its gallery and its demo in a headless Chromium.

Needs Chromium (Debian: apt-get install chromium) and the extras test and demo. Example:

    python scripts/screenshots.py runs/easy
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VQA = (sys.executable, "-c", "from vqa.cli import main; main()")
SIZE: Any = {"width": 1200, "height": 860}


@contextmanager
def demo_of(run: Path) -> Iterator[str]:
    """Serve the demo of a run on a free port and give its address."""
    with subprocess.Popen([*VQA, "demo", str(run), "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            if not line:
                sys.exit("the demo did not start")
            yield line.split()[-1]
        finally:
            server.terminate()


def take_gallery(page: Any, gallery: Path, output: Path) -> None:
    """Take the report on top, and the most costly mistakes below it."""
    page.goto(gallery.as_uri())
    page.wait_for_selector(".picture img")
    page.screenshot(path=output / "gallery.png")
    page.get_by_label("Sort").select_option(label="highest loss")
    page.evaluate("document.getElementById('explorer').scrollIntoView()")
    page.wait_for_timeout(500)
    page.screenshot(path=output / "questions.png")


def take_demo(page: Any, address: str, output: Path) -> None:
    """Take the answer to the first suggested question about an example image."""
    page.set_viewport_size({"width": SIZE["width"], "height": 640})
    page.goto(address)
    page.click(".example:nth-child(2)")
    page.click("#suggestions button:first-child")
    page.wait_for_selector("#answer .said")
    page.screenshot(path=output / "demo.png")


def main() -> None:
    """Take all screenshots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder of a run on images")
    parser.add_argument("--output", type=Path, default=Path("docs/images"), help="folder of the PNG files")
    arguments = parser.parse_args()
    # After the options, so that --help needs no extra.
    from playwright.sync_api import sync_playwright

    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver, demo_of(arguments.run) as address:
        gallery = Path(folder) / "gallery.html"
        subprocess.run([*VQA, "inspect", str(arguments.run), "--html", str(gallery)], check=True)
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        take_gallery(browser.new_page(viewport=SIZE), gallery, arguments.output)
        take_demo(browser.new_page(viewport=SIZE, color_scheme="dark"), address, arguments.output)
        browser.close()


if __name__ == "__main__":
    main()
