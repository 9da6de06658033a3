//! Tests of the configuration; the sample is used by the tests of functions too.

use super::*;

/// As the original flow has it, references included.
pub(crate) const ORIGINAL: &str = "\
[basic]
emr_region = us-east-1
emr_name = data_pipeline
log_on_s3 = s3://workarea/logs/${emr_name}/
emr_version = emr-7.12.0
[instances]
master_instance_type = m5.xlarge
worker_instance_type = m5.xlarge
ondemand_worker_count = 1
[access]
subnet_id = subnet-0a1b2c3d
ec2_keypair_name = operations
[metastore]
metastore_factory_class = com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory
[spot]
spot_worker_count = 2
spot_worker_increment_count = 3
spot_price_pct_of_ondemand = 60
spot_timeout_duration_minutes = 10
spot_timeout_action = SWITCH_TO_ON_DEMAND
";

fn problems(text: &str) -> Vec<String> {
    parse_config(text)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn reports_every_missing_key_at_once() {
    let problems = problems("");
    assert_eq!(problems.len(), 11, "{problems:#?}");
    assert!(problems.contains(&"[basic] emr_name is missing".to_owned()));
    assert!(problems.contains(&"[spot] spot_worker_count is missing".to_owned()));
}

#[test]
fn reports_every_wrong_value_with_line_value_and_expectation() {
    let text = ORIGINAL
        .replace("emr-7.12.0", "7.12")
        .replace("ondemand_worker_count = 1", "ondemand_worker_count = one")
        .replace("subnet-0a1b2c3d", "vpc-1")
        .replace("SWITCH_TO_ON_DEMAND", "WAIT")
        .replace("= 10", "= 2")
        .replace("s3://workarea", "/var/log");
    let problems = problems(&text);
    assert_eq!(problems.len(), 6, "{problems:#?}");
    assert!(problems[0].starts_with(
        "line 4: [basic] log_on_s3 is \"/var/log/logs/data_pipeline/\": expected an address"
    ));
    assert!(problems.iter().any(|problem| problem == "line 9: [instances] ondemand_worker_count is \"one\": expected a whole number from 0 to 2000"));
    assert!(
        problems
            .iter()
            .any(|problem| problem.contains("one of SWITCH_TO_ON_DEMAND, TERMINATE_CLUSTER"))
    );
}

#[test]
fn unknown_keys_and_sections_are_problems() {
    let problems = problems(&format!("{ORIGINAL}spot_workers = 2\n[extra]\nx = 1\n"));
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].starts_with("line 21: [spot] spot_workers is unknown"));
    assert!(problems[1].starts_with("line 23: [extra] x is in an unknown section"));
}

#[test]
fn an_unresolved_reference_is_reported_once() {
    let problems = problems(&ORIGINAL.replace("subnet-0a1b2c3d", "${env:Subnet_Id}"));
    assert_eq!(problems.len(), 1, "{problems:#?}");
}

#[test]
fn a_cluster_without_core_workers_is_refused() {
    let without = ORIGINAL.replace("ondemand_worker_count = 1", "ondemand_worker_count = 0");
    assert!(parse_config(&without).is_ok());
    let problems = problems(&format!("{without}fleet = task\n"));
    assert!(problems[0].contains("no core worker"), "{problems:#?}");
}

#[test]
fn the_pipelines_own_tags_cannot_be_set() {
    let problems = problems(&ORIGINAL.replace(
        "[instances]",
        "tags = team = data, pipeline = mine\n[instances]",
    ));
    assert!(
        problems[0].contains("pipeline is set by the pipeline"),
        "{problems:#?}"
    );
}

#[test]
fn spot_blocks_are_accepted_and_warned_about() {
    let config = parse_config(&format!("{ORIGINAL}spot_block_duration_minutes = 60\n")).unwrap();
    assert_eq!(config.warnings.len(), 1);
    assert_eq!(config.warnings[0].line, Some(21));
}

#[test]
fn the_originals_keys_are_enough_and_references_resolve() {
    let config = parse_config(ORIGINAL).unwrap();
    assert_eq!(config.log_uri, "s3://workarea/logs/data_pipeline/");
    assert_eq!(config.workers_after_adding(), 6);
    assert_eq!(config.polling, Polling::default());
    assert!(config.warnings.is_empty());
}

#[test]
fn the_optional_keys_are_read() {
    let text = ORIGINAL
        .replace("worker_instance_type = m5.xlarge", "worker_instance_type = m5.xlarge, m5a.xlarge")
        .replace("[instances]", "tags = team=data, stage = dev\nidle_timeout_seconds = 900\nstep_concurrency = 4\n[instances]")
        .replace("operations", "\njob_flow_role = nodes\nservice_role = service\nsecurity_configuration = locked");
    let config = parse_config(&format!(
        "{text}fleet = task\nallocation_strategy = diversified\n[polling]\nlongest_seconds = 30\n"
    ))
    .unwrap();
    assert_eq!(config.worker_types, ["m5.xlarge", "m5a.xlarge"]);
    assert_eq!(
        config.tags,
        [
            ("team".to_owned(), "data".to_owned()),
            ("stage".to_owned(), "dev".to_owned())
        ]
    );
    assert_eq!(
        (config.idle_timeout_seconds, config.step_concurrency),
        (900, 4)
    );
    assert_eq!(
        (
            config.instance_profile.as_str(),
            config.service_role.as_str()
        ),
        ("nodes", "service")
    );
    assert_eq!(config.key_pair, None);
    assert_eq!(config.workers_after_adding(), 5);
    assert_eq!(config.polling.longest_seconds, 30);
}

#[test]
fn one_security_group_without_the_other_is_refused() {
    let text = ORIGINAL.replace("operations", "\nworker_security_group = sg-0a1b");
    let problems = problems(&text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(
        problems[0].starts_with("[access] primary_security_group is missing"),
        "{problems:#?}"
    );
}

#[test]
fn security_groups_that_the_stack_does_not_have_are_left_to_emr() {
    let keys = "\nprimary_security_group = ${env:P}\nworker_security_group = ${env:W}\nservice_access_security_group = ${env:S}";
    let text = ORIGINAL.replace("operations", keys);
    let blank = parse_config_in(&text, &|_| Some(String::new())).unwrap();
    assert_eq!(blank.security_groups, None);
    let given =
        parse_config_in(&text, &|name| Some(format!("sg-{}", name.to_lowercase()))).unwrap();
    let expected = SecurityGroups {
        primary: "sg-p".to_owned(),
        worker: "sg-w".to_owned(),
        service_access: Some("sg-s".to_owned()),
    };
    assert_eq!(given.security_groups, Some(expected));
}
