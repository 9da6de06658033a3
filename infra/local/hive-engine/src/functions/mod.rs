//! Hive's functions for DataFusion. Only what is listed here can be called: anything else is refused by name, so that a script
//! that runs here runs on Hive.

pub(crate) mod cast;
pub(crate) mod collection;
mod compiled_pattern;
pub(crate) mod condition;
mod encoding;
mod hash;
mod json;
pub(crate) mod map;
mod number;
pub(crate) mod operator;
mod pattern;
pub(crate) mod random;
mod text;
mod time;
mod time_pattern;
pub(crate) mod udf;
mod url;
mod zone;

use std::sync::Arc;

use datafusion::functions::core as core_functions;
use datafusion::functions_aggregate as aggregates;
use datafusion::functions_nested as nested;
use datafusion::functions_window as windows;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

use udf::Function;

/// All scalar functions; `now` is the statement's time in microseconds since 1970.
pub(crate) fn scalar_functions(now: i64) -> Vec<Arc<ScalarUDF>> {
    let own: Vec<Function> = [
        text::functions(),
        pattern::functions(),
        number::functions(),
        time::functions(now),
        encoding::functions(),
        json::functions(),
        hash::functions(),
        random::functions(now),
        url::functions(),
        zone::functions(),
        condition::functions(),
        collection::functions(),
        map::functions(),
        operator::functions(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut all: Vec<Arc<ScalarUDF>> = own
        .into_iter()
        .map(|function| Arc::new(ScalarUDF::new_from_impl(function)))
        .collect();
    all.push(Arc::new(ScalarUDF::new_from_impl(cast::HiveCast::new())));
    all.extend([
        core_functions::named_struct(),
        core_functions::r#struct(),
        core_functions::get_field(),
        nested::make_array::make_array_udf(),
        nested::extract::array_element_udf(),
        nested::array_has::array_has_udf(),
        nested::sort::array_sort_udf(),
        nested::set_ops::array_distinct_udf(),
        nested::map_keys::map_keys_udf(),
        nested::map_values::map_values_udf(),
        nested::map_extract::map_extract_udf(),
    ]);
    all
}

/// All aggregates.
pub(crate) fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![
        aggregates::count::count_udaf(),
        aggregates::sum::sum_udaf(),
        aggregates::average::avg_udaf(),
        aggregates::min_max::min_udaf(),
        aggregates::min_max::max_udaf(),
        aggregates::stddev::stddev_udaf(),
        aggregates::stddev::stddev_pop_udaf(),
        aggregates::variance::var_samp_udaf(),
        aggregates::variance::var_pop_udaf(),
        aggregates::covariance::covar_samp_udaf(),
        aggregates::covariance::covar_pop_udaf(),
        aggregates::correlation::corr_udaf(),
        aggregates::array_agg::array_agg_udaf(),
        aggregates::first_last::first_value_udaf(),
        aggregates::first_last::last_value_udaf(),
        aggregates::bool_and_or::bool_and_udaf(),
        aggregates::bool_and_or::bool_or_udaf(),
        aggregates::grouping::grouping_udaf(),
        aggregates::percentile_cont::percentile_cont_udaf(),
        aggregates::approx_percentile_cont::approx_percentile_cont_udaf(),
    ]
}

/// All window functions.
pub(crate) fn window_functions() -> Vec<Arc<WindowUDF>> {
    windows::all_default_window_functions()
}

/// The name under which DataFusion knows one of Hive's functions.
pub(crate) fn engine_name(hive: &str) -> &str {
    match hive {
        "array" => collection::ARRAY,
        "array_contains" => "array_has",
        "collect_list" | "collect_set" => "array_agg",
        "ucase" => "upper",
        "lcase" => "lower",
        "substring" | "mid" => "substr",
        "char_length" | "character_length" => "length",
        "pow" => "power",
        "ceiling" => "ceil",
        "dayofmonth" => "day",
        "sha" => "sha1",
        "percentile" => "percentile_cont",
        "percentile_approx" => "approx_percentile_cont",
        "signum" => "sign",
        "chr" => "char",
        "regexp" | "regexp_like" => "rlike",
        "printf" => "format_string",
        "date_diff" => "datediff",
        "std" | "stddev_pop" => "stddev_pop",
        "stddev" => "stddev_pop",
        "stddev_samp" => "stddev",
        "variance" | "var_pop" => "var_pop",
        "var_samp" => "var",
        "first" => "first_value",
        "last" => "last_value",
        "sort_array" => "array_sort",
        other => other,
    }
}
