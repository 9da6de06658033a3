//! Values as Hive prints and reads them: doubles, dates, timestamps. Used by the text serdes, casts and results.

/// A double as Java's `Double.toString` prints it: `1.0`, `1.0E10`, `NaN`, `Infinity`.
pub(crate) fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 {
            "Infinity".to_owned()
        } else {
            "-Infinity".to_owned()
        };
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{value:?}");
    }
    scientific(&format!("{value:e}"))
}

/// A float as Java's `Float.toString` prints it.
pub(crate) fn float_text(value: f32) -> String {
    let magnitude = value.abs();
    if !value.is_finite() {
        return double_text(f64::from(value));
    }
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{value:?}");
    }
    scientific(&format!("{value:e}"))
}

/// Java writes at least one digit after the point, and a capital E.
fn scientific(rust: &str) -> String {
    match rust.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => rust.to_owned(),
    }
}
