"""What the rules of a table found, in Great Expectations' own result format, and as its Data Docs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from lakehouse.errors import MachineError
from lakehouse.quality.models import Expectation

_NOTHING_RAISED = {"raised_exception": False, "exception_message": None, "exception_traceback": None}


def validation(table: str, rules: Mapping[str, Expectation], rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows of the audit table `expectations` of one run and table as a validation result of a suite.

    Rules that the file no longer has, and the checks of `schema`, `cast` and `merge`, which Great Expectations has no
    word for, are left out. A condition is shown as the query for rows that do not meet it.
    """
    found = list(rows)
    results = [_result(rules[row["name"]], row) for row in found if row["name"] in rules]
    good = sum(result["success"] for result in results)
    first = found[0] if found else {}
    run_time = first.get("at")
    return {
        "success": good == len(results),
        "suite_name": table,
        "results": results,
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": good,
            "unsuccessful_expectations": len(results) - good,
            "success_percent": 100 * good / len(results) if results else None,
        },
        "suite_parameters": {},
        "meta": {
            "run_id": {"run_name": first.get("run_id"), "run_time": run_time.isoformat() if run_time else None},
            "table": table,
            "sequence": first.get("sequence"),
        },
        "id": None,
    }


def _result(rule: Expectation, row: Mapping[str, Any]) -> dict[str, Any]:
    judged, wrong = row["judged"] or 0, row["violations"] or 0
    kind, kwargs = rule.word, dict[str, Any]()
    if rule.core is None:
        kind = "unexpected_rows_expectation"
        kwargs["unexpected_rows_query"] = f"SELECT * FROM {{batch}} WHERE NOT coalesce({rule.expect}, false)"
    else:
        kwargs = rule.core.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
        if rule.share is not None and rule.routes:
            kwargs["mostly"] = rule.share
        if "row_condition" in kwargs:
            kwargs["condition_parser"] = "spark"
    result: dict[str, Any] = {}
    if rule.core is None:
        result["observed_value"] = wrong
    elif rule.routes:
        share = 100 * wrong / judged if judged else None
        result = {"element_count": judged, "unexpected_count": wrong, "unexpected_percent": share}
    if row["observed"] is not None:
        result["observed_value"] = json.loads(row["observed"])
    meta = {"name": row["name"], "on_violation": row["action"]}
    if rule.description:
        meta["notes"] = rule.description
    return {
        "success": row["passed"],
        "expectation_config": {"type": kind, "kwargs": kwargs, "meta": meta},
        "result": result,
        "exception_info": dict(_NOTHING_RAISED),
        "meta": {},
    }


def data_docs(results: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """Great Expectations' pages about validation results, in the folder; gives the first page.

    Raises MachineError when it is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import great_expectations as gx
        except ImportError:
            raise MachineError(
                "Data Docs are made by Great Expectations, which is not installed",
                fix="install it: pip install 'medallion-lakehouse[quality]'",
            ) from None
        from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
        from great_expectations.core.run_identifier import RunIdentifier
        from great_expectations.data_context.types import resource_identifiers as ids

        context = gx.get_context(mode="ephemeral")
        store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())}
        index = {"class_name": "DefaultSiteIndexBuilder"}
        site: Any = {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index}
        context.add_data_docs_site("lakehouse", site)
        for result in results:
            name, run = str(result["suite_name"]), result["meta"]["run_id"]
            key = ids.ValidationResultIdentifier(
                expectation_suite_identifier=ids.ExpectationSuiteIdentifier(name=name),
                run_id=RunIdentifier(run_name=run["run_name"], run_time=datetime.fromisoformat(run["run_time"])),
                batch_identifier=name,
            )
            loaded: Any = expectationSuiteValidationResultSchema.load(dict(result))
            context.validation_results_store.set(key, loaded)
        context.build_data_docs(site_names=["lakehouse"])
    return folder / "index.html"
