"""Commands about the project's folder: make one, and the schemas that editors read."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lakehouse.cli.options import Json, examples
from lakehouse.cli.output import dump
from lakehouse.cli.program import app
from lakehouse.errors import Position, Problem, SpecError


class SchemaOf(StrEnum):
    """What a schema is about."""

    PIPELINE = "pipeline"
    CONFIG = "config"


@app.command(epilog=examples("lakehouse init my-lake", "cd my-lake && lakehouse run"))
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where; made when it is not there. This folder by default.")
    ] = Path(),
    as_json: Json = False,
) -> None:
    """Make a project that runs at once, with small data.

    A shop's orders and customers through Bronze, Silver and Gold, with three rows that end in quarantine; configs for
    this machine and for a cluster; the schemas with which an editor completes and checks the files. Never writes over a
    file: with one in the way nothing is made.
    """
    from lakehouse.scaffold.project import in_the_way, new_files, write

    texts = new_files(folder)
    if there := in_the_way(folder, texts):
        message = f"there is already {', '.join(there)}"
        fix = "choose another folder, or move what is there away"
        raise SpecError([Problem(Position(str(folder), 1, 1), "file-exists", message, fix)])
    write(folder, texts)
    if as_json:
        dump({"folder": str(folder), "files": list(texts)})
        return
    print(f"made in {folder.absolute()}:")
    print(*(f"  {name}" for name in texts), sep="\n")
    enter = [] if folder.absolute() == Path.cwd() else [f"cd {shlex.quote(str(folder))}"]
    look = ["lakehouse show gold.daily_sales", "lakehouse quarantine silver.orders"]
    print("\nnext:", *enter, "lakehouse validate", "lakehouse plan", "lakehouse run", *look, sep="\n  ")


@app.command(
    epilog=examples(
        "lakehouse schema -o .lakehouse/pipeline.schema.json", "lakehouse schema config > config.schema.json"
    )
)
def schema(
    of: Annotated[SchemaOf, typer.Argument(metavar="KIND", help="Which files it is about.")] = SchemaOf.PIPELINE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there instead of printing it.")
    ] = None,
) -> None:
    """Print the JSON Schema of pipeline files or configs.

    An editor that knows YAML schemas completes keys and marks mistakes by it, in a file whose first line is, for
    example, `# yaml-language-server: $schema=../.lakehouse/pipeline.schema.json`.
    """
    if output is None:
        from lakehouse.spec.json_schema import schema_text

        print(schema_text(of.value), end="")
    else:
        from lakehouse.scaffold.project import write_schema

        write_schema(of.value, output)
