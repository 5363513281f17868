"""The codes of everything that the library refuses, and what each means; docs/problems.md has a section for each.

`PROBLEMS` are mistakes in files and arguments, each with a place: found by reading (`CODES`, shown in the golden files
of the tests) or by compiling and on the command line (`PLANNING`). `ERRORS` come from a run; their codes have a dot or
are one word, and an error that Spark or Delta raised has their own error class instead.
"""

from __future__ import annotations

CODES: dict[str, str] = {
    "alias-bomb": "Aliases, variables or `for_each` would grow the file beyond all bounds.",
    "bad-name": "A name that cannot be one: letters, digits and `_` make a name, a letter begins it.",
    "conflicting-keys": "Two keys that exclude each other, as two ways to write one table.",
    "duplicate-column": "A column is written twice; names ignore case.",
    "duplicate-entry": "An entry of a list or map says the same as one before it.",
    "duplicate-key": "A key is written twice in one map.",
    "duplicate-pipeline": "Two files give their pipelines the same name.",
    "duplicate-table": "A table or task is written twice in the project; names ignore case.",
    "empty-file": "A file without anything in it.",
    "empty-value": "A key or list entry with nothing behind it; write `null` where nothing is meant.",
    "file-too-large": "A file of more than a megabyte.",
    "implicit-type": "A text is expected, and YAML reads what stands there as a number or boolean: quotes are missing.",
    "key-not-text": "A key that is a number, a list or a map.",
    "late-reference": "A value that is known only at run time stands where it is needed earlier.",
    "merge-key": "YAML 1.1's `<<`.",
    "misplaced-key": "A key that exists, but not for this layer or not beside the others.",
    "missing-environment-variable": "`${env:NAME}` of a variable that is not set.",
    "missing-key": "A key that must be there is not.",
    "nesting-too-deep": "Values nested more than 100 levels deep.",
    "no-pipelines": "The folder has no pipeline.",
    "no-such-file": "A path on the command line that does not exist.",
    "not-available-yet": "Part of the language, but this version cannot do it yet.",
    "not-utf-8": "The file is not UTF-8 text.",
    "plain-secret": "A password or key stands in a file as it is.",
    "reserved-name": "A name that the library keeps for itself.",
    "several-documents": "More than one YAML document in a file.",
    "several-projects": "Paths of more than one project.",
    "sql-syntax": "An expression or query that is not SQL.",
    "text-sequence": "`sequence_by` is text, which does not sort as numbers and times do.",
    "unknown-alias": "An alias without an anchor before it.",
    "unknown-column": "A column that the table does not have.",
    "unknown-environment": "There is no file in `configs` for the environment.",
    "unknown-format": "A source format that does not exist.",
    "unknown-key": "A key that does not exist here.",
    "unknown-variable": "A variable without a value.",
    "unreadable-file": "The file cannot be opened.",
    "variable-cycle": "A variable that refers to itself.",
    "variable-syntax": "`${` that is not closed.",
    "variable-type": "A list, map or null where only a text can stand.",
    "wrong-type": "A value of another kind than the one expected: a list for a text, a text for a number.",
    "wrong-value": "A value of the right kind that cannot be: beyond its bounds, or not one of the words.",
    "yaml-syntax": "The file is not YAML.",
    "yaml-tag": "A tag such as `!!str` or `!python`.",
}
"""Code -> meaning, for what reading the files finds."""

PLANNING: dict[str, str] = {
    "cycle": "Tables that wait for each other.",
    "missing-table": "A table that is read, is not selected and does not exist.",
    "not-incremental": "A rule needs all rows at once, and the step sees only what is new.",
    "not-repeatable": "An expression gives another value at each retry.",
    "selector": "A selector that matches nothing, or is none.",
    "unknown-table": "A table that no file of the project makes.",
    "variable": "An argument of `--var` that is not `name=value`.",
}
"""Code -> meaning, for what needs more than one table, and for arguments of the command line."""

PROBLEMS: dict[str, str] = {**CODES, **PLANNING}
"""Code -> meaning, for everything that has a place in a file or among the arguments."""

ERRORS: dict[str, str] = {
    "archive": "The archive of Java classes, which halves the start of Spark, could not be written.",
    "catalog.taken": "The session's catalog has another table under a name of the lake.",
    "cleanse.<rule>": "A cleansing rule does not fit the columns that it meets.",
    "companion.busy": "Other processes wrote to a quarantine table again and again; tried again.",
    "control.busy": "Other processes wrote to a control table again and again; tried again.",
    "control.newer": "The control plane was written by a newer version of the library.",
    "control.unreadable": "A control table cannot be opened.",
    "control.unwritable": "A control table cannot be made or written.",
    "expectation": "An expectation cannot be judged on the columns that there are.",
    "expectation.failed": "Rows break a rule whose action is `fail`, or too many break one with `mostly`.",
    "jars": "Delta's jars are neither in the cache nor to be fetched.",
    "java": "There is no Java that Spark can use, or it did not start.",
    "ledger.empty": "A Bronze table has loaded batches, and the ledger has no row about it.",
    "lock.taken": "Another run may write one of the tables; exit code 4.",
    "lock.unavailable": "The lake is not on a local disk, and locks elsewhere are not available yet.",
    "log.missing": "There is no Delta table where one was expected.",
    "log.unreadable": "The Delta log of a table cannot be opened.",
    "merge.sequence_by": "`sequence_by` is text, which does not sort as numbers and times do.",
    "offset.changed": "Rows were changed in a table that is read as append-only.",
    "offset.expired": "The history that says where the table stands has expired, and no run looked in time.",
    "offset.future": "An input has fewer versions than were read of it before.",
    "offset.overtaken": "Other runs committed first, again and again.",
    "offset.recreated": "An input is another table than the one that was read before.",
    "offset.replaced": "Somebody else replaced the whole table.",
    "offset.restored": "The table was restored while a step was writing it.",
    "offset.unclear": "The history holds a RESTORE, or another commit, that does not say what it did.",
    "plan.conflict": "Another process planned a batch of the same table first; decided again.",
    "pyspark": "pyspark is not installed.",
    "quarantine": "Rows were to be set aside although no rule sets rows aside; a defect of the library.",
    "schema.missing": "`schema` names a column that the input does not have.",
    "schema.type": "A column is of a type from which there is no way to the declared one.",
    "session": "The SparkSession that was handed over cannot be used.",
    "signature.newer": "A commit of the table was signed by a newer version of the library.",
    "source.file": "A file cannot be loaded, and `on_bad_file` is `fail`.",
    "source.glob": "The path is a glob that is not well formed.",
    "source.new_columns": "Files have a column that the table does not, and the mode is to fail then.",
    "source.options": "A reader option has a value that the reader does not know.",
    "source.path": "The source's path, or a file that `copy_into` names, does not exist or cannot be listed.",
    "source.record": "A record does not parse, and `on_bad_record` is `fail`.",
    "spec": "The files or arguments are wrong: a list of problems; exit code 2.",
    "table.merge": "`keys`, `sequence_by` or `stored_as_scd_type` of a table with rows were changed.",
    "table.missing": "The table has not been made yet.",
    "table.nullable": "A column that may hold NULL where it is stored is declared `nullable: false`.",
    "table.partitioned_by": "`partitioned_by` of a table with rows was changed.",
    "table.type": "A stored column is declared with another type.",
    "timeout": "An attempt ran longer than the step's `timeout`.",
}
"""Code -> meaning, for what ends a step or a run: `LakehouseError.code`, the column `code` of the table `errors`."""
