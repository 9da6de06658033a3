//! EMR's releases and what they contain, as far as requests are checked against them.

/// The latest patch of each minor release, by major release; earlier patches count too.
const MINOR_RELEASES: [(u32, &[u32]); 3] = [
    // emr-5.0 to emr-5.36
    (
        5,
        &[
            3, 1, 3, 2, 2, 1, 1, 1, 3, 1, 1, 4, 3, 1, 2, 1, 1, 2, 1, 1, 2, 2, 1, 1, 1, 0, 0, 1, 1,
            0, 2, 1, 1, 1, 0, 0, 2,
        ],
    ),
    // emr-6.0 to emr-6.15
    (6, &[1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0, 0, 0]),
    // emr-7.0 to emr-7.13
    (7, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
];

/// Applications that a cluster can be asked for, in lower case.
const APPLICATIONS: [&str; 27] = [
    "amazoncloudwatchagent",
    "delta",
    "flink",
    "ganglia",
    "hadoop",
    "hbase",
    "hcatalog",
    "hive",
    "hudi",
    "hue",
    "iceberg",
    "jupyterenterprisegateway",
    "jupyterhub",
    "livy",
    "mahout",
    "mxnet",
    "oozie",
    "phoenix",
    "pig",
    "presto",
    "spark",
    "sqoop",
    "tensorflow",
    "tez",
    "trino",
    "zeppelin",
    "zookeeper",
];

/// Whether there is such a release.
pub(super) fn exists(label: &str) -> bool {
    labels().any(|known| known == label)
}

/// Whether any release has such an application.
pub(super) fn has_application(name: &str) -> bool {
    APPLICATIONS.contains(&name.to_ascii_lowercase().as_str())
}

/// All labels, the newest first.
pub(super) fn labels() -> impl Iterator<Item = String> {
    MINOR_RELEASES.iter().rev().flat_map(|(major, patches)| {
        patches
            .iter()
            .enumerate()
            .rev()
            .flat_map(move |(minor, latest)| {
                (0..=*latest)
                    .rev()
                    .map(move |patch| format!("emr-{major}.{minor}.{patch}"))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_emr_never_had_are_unknown() {
        for label in [
            "emr-7.99.0",
            "emr-4.9.6",
            "7.1.0",
            "emr-7.1",
            "",
            "emr-5.37.0",
        ] {
            assert!(!exists(label), "{label}");
        }
    }

    #[test]
    fn known_labels_come_newest_first() {
        assert_eq!(labels().next().unwrap(), "emr-7.13.0");
        for label in [
            "emr-5.36.2",
            "emr-6.15.0",
            "emr-6.9.1",
            "emr-7.0.0",
            "emr-5.0.3",
        ] {
            assert!(exists(label), "{label}");
        }
        assert!(has_application("Hive") && !has_application("Excel"));
    }
}
