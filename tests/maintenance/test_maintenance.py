"""What all operations together say of a table: its properties, its keys."""

from __future__ import annotations

from lakehouse import maintenance
from lakehouse.maintenance import Maintenance


def test_properties_by_layer() -> None:
    usual = {"delta.deletedFileRetentionDuration": "interval 7 days", "delta.logRetentionDuration": "interval 30 days"}
    off, on = {"delta.enableDeletionVectors": "false"}, {"delta.enableDeletionVectors": "true"}
    assert maintenance.properties(None, layer="bronze", first=("_batch",)) == {**off, **usual}
    assert maintenance.properties(None, layer="silver", rewrites=True) == {**on, **usual}
    assert maintenance.properties(None, layer="gold") == {**off, **usual}
    read = maintenance.properties(None, layer="silver", rewrites=True, read_by_changes=True)
    assert read["delta.enableChangeDataFeed"] == "true"
    assert read["delta.deletedFileRetentionDuration"] == "interval 30 days"


def test_every_operation_is_found_and_gives_its_keys() -> None:
    assert set(maintenance.OPERATIONS) == {
        "auto_compact",
        "bloom_filter",
        "optimize",
        "optimize_write",
        "statistics",
        "vacuum",
    }
    keys = {name for module in maintenance.OPERATIONS.values() for name in module.Keys.model_fields}
    assert set(Maintenance.model_fields) == keys
    assert list(maintenance.OPERATIONS).index("optimize") < list(maintenance.OPERATIONS).index("vacuum")
