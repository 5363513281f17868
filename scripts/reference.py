"""Write the reference of the language, docs/reference, from the models."""

from pathlib import Path

from lakehouse.report.reference import pages

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
FOLDER.mkdir(parents=True, exist_ok=True)
made = pages()
for gone in {path.name for path in FOLDER.glob("*.md")} - made.keys():
    (FOLDER / gone).unlink()
for name, text in made.items():
    (FOLDER / name).write_text(text, encoding="utf-8")
