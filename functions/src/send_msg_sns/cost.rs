//! What a run cost, as its mail says it: the clusters' time and their instance hours from EMR's own records. Prices depend
//! on the account, so none are given.

use serde_json::Value;

use super::layout::{Text, duration};
use super::report::{Report, text};

/// Writes the section.
pub(super) fn write(out: &mut Text, report: &Report) {
    let clusters = report.termination["Output"]["Clusters"].as_array();
    out.heading("Cost");
    let Some(clusters) = clusters else {
        // A run that failed before its launch has nothing to terminate.
        out.paragraph(
            2,
            if report.termination.is_null() || report.termination == serde_json::json!({}) {
                "No cluster was launched."
            } else {
                "Unknown: the clusters could not be looked at."
            },
        );
        return;
    };
    if clusters.is_empty() {
        out.paragraph(2, "No cluster was launched.");
        return;
    }
    for cluster in clusters {
        let id = text(&cluster["ClusterId"]).unwrap_or("a cluster");
        let up = cluster["Seconds"]
            .as_i64()
            .map_or_else(|| "for an unknown time".to_owned(), |seconds| format!("up for {}", duration(seconds)));
        out.field("  Cluster", &format!("{id}, {up}{}", between(cluster)));
        match (cluster["Instances"].as_u64(), cluster["OnDemandInstanceHours"].as_f64(), cluster["SpotInstanceHours"].as_f64()) {
            (Some(instances), Some(on_demand), Some(spot)) => out.field(
                "  Instances",
                &format!(
                    "{instances}; {:.2} instance hours: {on_demand:.2} on demand, {spot:.2} spot (EMR's record of each instance, from request to end; without prices)",
                    on_demand + spot
                ),
            ),
            _ => out.field("  Instances", "unknown: EMR did not list them"),
        }
    }
}

fn between(cluster: &Value) -> String {
    match (text(&cluster["CreatedAt"]), text(&cluster["EndedAt"])) {
        (Some(created), Some(ended)) => format!(" ({created} to {ended})"),
        (Some(created), None) => format!(" (since {created})"),
        _ => String::new(),
    }
}
