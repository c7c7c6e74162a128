"""``vqa lab``."""

from __future__ import annotations

import click

from vqa.cli._options import emit, json_option, seed_option


@click.command()
@click.argument("name", required=False)
@click.option("--list", "listing", is_flag=True, help="Print the names of the reproductions.")
@click.option("--all", "everything", is_flag=True, help="Run all of them.")
@seed_option
@json_option
def command(name: str | None, listing: bool, everything: bool, seed: int, json_file: str | None) -> None:
    """Reproduce a mistake that makes an accuracy misleading: the expected value, naive code, correct code.

    \b
    Example:
      vqa lab forum
    """
    if (name is not None) + listing + everything != 1:
        raise click.UsageError("expected one of NAME, --list and --all")
    from vqa.doctor.lab import REPRODUCTIONS
    from vqa.errors import ConfigError, DataError, did_you_mean

    if listing:
        summaries = {key: (run.__doc__ or "").splitlines()[0] for key, run in REPRODUCTIONS.items()}
        width = max(map(len, summaries))
        emit("\n".join(f"{key:{width}}  {summary}" for key, summary in summaries.items()), summaries, json_file)
        return
    if name is not None and name not in REPRODUCTIONS:
        raise ConfigError(f"unknown reproduction {name!r}{did_you_mean(name, REPRODUCTIONS)}")
    outcomes = []
    for key in REPRODUCTIONS if name is None else [name]:
        try:
            outcomes.append(REPRODUCTIONS[key](seed))
        except DataError as error:
            if not everything:
                raise
            click.echo(f"left out {key}: {error}", err=True)
    result = [outcome.to_json() for outcome in outcomes]
    text = "\n\n\n".join(outcome.to_text() for outcome in outcomes)
    emit(text, result if everything else result[0], json_file)
