"""Functions of Spark 4.1 that the SQL parser does not know by itself; any other unknown one is somebody's own."""

from __future__ import annotations

from sqlglot import exp

SPARK = frozenset(
    """
    aes_decrypt aes_encrypt array_repeat array_union arrays_overlap assert_true bin bitmap_and_agg bround btrim
    cardinality conv count_min_sketch crc32 date_part datepart days e every expm1 find_in_set forall format_number
    from_csv from_xml get hash histogram_numeric hll_sketch_agg hll_sketch_estimate hll_union hll_union_agg hours hypot
    inline_outer input_file_block_length input_file_block_start input_file_name is_valid_utf8 is_variant_null isnotnull
    isnull java_method json_array_length json_tuple kll_merge_agg_bigint kll_merge_agg_double kll_merge_agg_float
    kll_sketch_agg_bigint kll_sketch_agg_double kll_sketch_agg_float kll_sketch_get_n_bigint kll_sketch_get_n_double
    kll_sketch_get_n_float kll_sketch_get_quantile_bigint kll_sketch_get_quantile_double kll_sketch_get_quantile_float
    kll_sketch_get_rank_bigint kll_sketch_get_rank_double kll_sketch_get_rank_float kll_sketch_merge_bigint
    kll_sketch_merge_double kll_sketch_merge_float kll_sketch_to_string_bigint kll_sketch_to_string_double
    kll_sketch_to_string_float log1p make_date make_dt_interval make_time make_timestamp_ltz make_timestamp_ntz
    make_valid_utf8 make_ym_interval map_concat map_entries map_filter map_values map_zip_with mask mean
    monotonically_increasing_id months negative nullifzero octet_length pmod positive printf quote raise_error reflect
    regexp schema_of_csv schema_of_json schema_of_variant schema_of_variant_agg schema_of_xml sentences session_window
    shiftrightunsigned some spark_partition_id st_asbinary st_geogfromwkb st_geomfromwkb st_setsrid st_srid std
    theta_difference theta_intersection theta_intersection_agg theta_sketch_agg theta_sketch_estimate theta_union
    theta_union_agg timestamp_micros timestamp_millis timestamp_seconds to_csv to_time to_timestamp_ltz
    to_timestamp_ntz to_varchar to_variant_object to_xml transform_keys transform_values try_aes_decrypt try_avg
    try_make_interval try_make_timestamp try_make_timestamp_ltz try_make_timestamp_ntz try_mod try_parse_json
    try_parse_url try_reflect try_sum try_to_binary try_to_date try_to_number try_to_time try_to_timestamp
    try_url_decode try_validate_utf8 try_variant_get url_decode url_encode validate_utf8 variant_get version weekday
    window window_time xpath xpath_boolean xpath_double xpath_float xpath_int xpath_long xpath_number xpath_short
    xpath_string xxhash64 years zeroifnull zip_with
    """.split()
)


def is_unknown(node: exp.Expr) -> bool:
    """Whether the node calls a function that neither the parser nor Spark has: what it does with its words is open."""
    return isinstance(node, exp.Anonymous) and str(node.this).lower() not in SPARK


def columns_inside(tree: exp.Expr, *kinds: type[exp.Expr]) -> set[int]:
    """The columns, by identity, that stand inside nodes of these kinds, or in functions that nobody knows."""
    around = tree.find_all(exp.Anonymous, *kinds)
    open_ = [node for node in around if is_unknown(node) or not isinstance(node, exp.Anonymous)]
    return {id(column) for node in open_ for column in node.find_all(exp.Column)}
