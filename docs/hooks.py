"""MkDocs hooks: the help of every command, the scoring protocols, and the tutorial notebook as parts of pages."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import click
import nbformat
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import ExtractOutputPreprocessor

from vqa.cli import cli
from vqa.scoring.protocols import PROTOCOLS

COLUMNS = 100


def help_of_all_commands() -> str:
    """Return Markdown: what `vqa COMMAND --help` prints, under one heading per command."""
    group = click.Context(cli, info_name="vqa", terminal_width=COLUMNS, **cli.context_settings)
    sections = []
    for name, command in cli.subcommands().items():
        context = click.Context(command, info_name=name, parent=group, terminal_width=COLUMNS, **cli.context_settings)
        sections.append(f"## vqa {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(sections)


def table_of_protocols() -> str:
    """Return a Markdown table with one row per scoring protocol."""
    rows = ["| protocol | score of a question | mind | source |", "| --- | --- | --- | --- |"]
    rows += [f"| `{it.name}` | {it.formula} | {it.traps} | {it.source} |" for it in PROTOCOLS.values()]
    return "\n".join(rows)


# What stands in a page, and what is written there when the site is built.
WRITTEN = {
    "<!-- help of all commands -->": help_of_all_commands,
    "<!-- table of protocols -->": table_of_protocols,
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Write what comes from the code where a page asks for it."""
    for marker, write in WRITTEN.items():
        if marker in markdown:
            markdown = markdown.replace(marker, write())
    return markdown


def on_files(files: Files, config: Any) -> Files:
    """Add a page, with its pictures, for each notebook among the documents."""
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        folder = PurePosixPath(notebook.src_uri).with_suffix("")
        names = ExtractOutputPreprocessor(output_filename_template=f"{folder}_{{cell_index}}_{{index}}{{extension}}")
        exporter = MarkdownExporter(preprocessors=[names])
        body, resources = exporter.from_notebook_node(nbformat.reads(notebook.content_string, as_version=4))
        # Tables of pandas look like those of the other pages.
        body = body.replace('<table border="1" class="dataframe">', "<table>")
        files.append(File.generated(config, f"{folder}.md", content=body))
        for name, picture in resources["outputs"].items():
            files.append(File.generated(config, name, content=picture))
    return files
