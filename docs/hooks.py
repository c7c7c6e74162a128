"""MkDocs hooks: the help of every command as a page, and the tutorial notebook as a page."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import click
import nbformat
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import ExtractOutputPreprocessor

from vqa.cli import cli

HELP_OF_ALL_COMMANDS = "<!-- help of all commands -->"
COLUMNS = 100


def help_of_all_commands() -> str:
    """Return Markdown: what `vqa COMMAND --help` prints, under one heading per command."""
    group = click.Context(cli, info_name="vqa", terminal_width=COLUMNS, **cli.context_settings)
    sections = []
    for name in cli.list_commands(group):
        command = cli.commands[name]
        context = click.Context(command, info_name=name, parent=group, terminal_width=COLUMNS, **cli.context_settings)
        sections.append(f"## vqa {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(sections)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Write the help of the commands where a page asks for it."""
    if HELP_OF_ALL_COMMANDS in markdown:
        return markdown.replace(HELP_OF_ALL_COMMANDS, help_of_all_commands())
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
