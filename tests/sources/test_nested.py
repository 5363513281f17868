from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyspark.sql.types import ArrayType, DataType, StringType, StructType

from lakehouse.sources.fields import plain_name
from lakehouse.sources.nested import all_texts, fit, marked, parsed, restored, type_text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


pytestmark = pytest.mark.usefixtures("spark")  # which parses the types


def struct(**fields: DataType | str) -> StructType:
    out = StructType()
    for name, kind in fields.items():
        out = out.add(name, DataType.fromDDL(kind) if isinstance(kind, str) else kind)
    return out


S = StringType()


def test_a_new_type_gets_plain_names() -> None:
    came = StructType().add("a b", S).add("l", ArrayType(StructType().add("x.y", S)))
    found = fit(came, None, plain_name, evolve=True)
    assert found.shape == came
    assert type_text(found.stored) == "struct<a_b:string,l:array<struct<x_y:string>>>"
    assert (found.native, found.foreign) == (True, ())


def test_the_stored_order_stays_and_new_fields_go_to_the_end() -> None:
    found = fit(struct(a=S, b=S, c=S), struct(c=S, z=S), plain_name, evolve=True)
    assert found.stored.simpleString() == "struct<c:string,z:string,a:string,b:string>"
    assert found.native
    kept = fit(struct(a=S, c=S), struct(c=S), plain_name, evolve=False)
    assert (kept.stored.simpleString(), kept.foreign, kept.native) == ("struct<c:string>", ("a",), False)


def test_s16_the_exact_spelling_wins_inside() -> None:
    found = fit(struct(ID=S, id=S, Id=S), struct(id=S), plain_name, evolve=True)
    assert found.shape == struct(id=S)
    assert (found.foreign, found.native) == (("ID", "Id"), False)
    other = fit(struct(ID=S), struct(id=S), plain_name, evolve=True)
    assert (other.shape, other.stored, other.native) == (struct(ID=S), struct(id=S), True)


@pytest.mark.parametrize(
    ("came", "stored", "native"),
    [
        (S, "string", True),
        (struct(a=S), "string", True),
        (S, "struct<a:string>", False),
        (S, "array<string>", False),
        (struct(a=S), "array<string>", False),
        (ArrayType(S), "array<int>", False),
        (ArrayType(struct(a=S)), "array<struct<a:string>>", True),
        (struct(a=S), "map<string,string>", False),
    ],
)
def test_what_may_not_fit_is_looked_at(came: DataType, stored: str, native: bool) -> None:
    found = fit(came, DataType.fromDDL(stored), plain_name, evolve=True)
    assert (found.stored, found.native) == (DataType.fromDDL(stored), native)


def test_all_texts() -> None:
    assert all_texts(struct(a="array<map<string,string>>"))
    assert not all_texts(struct(a="array<int>"))


def test_numbers_keep_their_text(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    text = """{"a":1.50,"b":"1.50 \\" 2","c":[-1e5,{"d":0.10}],'q':'3',x1:NaN}"""
    frame = spark.range(1).select(F.lit(text).alias("t"))
    back = frame.select(restored(marked(F.col("t")))).collect()[0][0]
    assert back == text
    shape = DataType.fromDDL("struct<a:string,b:string,c:array<string>>")
    value = frame.select(parsed(F.col("t"), shape).getField("value")).collect()
    plain = """{"a":1.50,"b":"1.50 \\" 2","c":[-1e5,{"d":0.10}]}"""
    frame = spark.range(1).select(F.lit(plain).alias("t"))
    value = frame.select(parsed(F.col("t"), shape).getField("value").alias("v")).collect()[0]["v"]
    assert value.asDict() == {"a": "1.50", "b": '1.50 " 2', "c": ["-1e5", '{"d":0.10}']}
