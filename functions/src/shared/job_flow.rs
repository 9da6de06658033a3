//! The RunJobFlow request that a configuration stands for. Called by `launch_emr`.

use aws_sdk_emr::operation::run_job_flow::builders::RunJobFlowFluentBuilder;
use aws_sdk_emr::types::{
    Application, AutoTerminationPolicy, Configuration, InstanceFleetConfig,
    InstanceFleetProvisioningSpecifications, InstanceFleetType, InstanceTypeConfig,
    JobFlowInstancesConfig, SpotProvisioningAllocationStrategy, SpotProvisioningSpecification,
    SpotProvisioningTimeoutAction,
};

use crate::shared::clients::{Clients, once};
use crate::shared::config::Config;
use crate::shared::run::Run;
use crate::shared::tags;

/// The request, to be sent once.
pub(crate) fn request(
    clients: &Clients,
    config: &Config,
    pipeline: &str,
    run: &Run,
) -> RunJobFlowFluentBuilder {
    let groups = config.security_groups.as_ref();
    let instances = JobFlowInstancesConfig::builder()
        .set_instance_fleets(Some(fleets(config)))
        .set_ec2_subnet_ids(Some(config.subnets.clone()))
        .set_ec2_key_name(config.key_pair.clone())
        .set_emr_managed_master_security_group(groups.map(|groups| groups.primary.clone()))
        .set_emr_managed_slave_security_group(groups.map(|groups| groups.worker.clone()))
        .set_service_access_security_group(groups.and_then(|groups| groups.service_access.clone()))
        .keep_job_flow_alive_when_no_steps(true)
        .termination_protected(false)
        .build();
    clients
        .emr()
        .run_job_flow()
        .name(&config.name)
        .release_label(&config.release_label)
        .log_uri(&config.log_uri)
        .service_role(&config.service_role)
        .job_flow_role(&config.instance_profile)
        .set_security_configuration(config.security_configuration.clone())
        .applications(application("Hive"))
        .applications(application("Spark"))
        .set_configurations(Some(
            ["hive-site", "spark-hive-site"]
                .map(|site| metastore(site, config))
                .to_vec(),
        ))
        .instances(instances)
        .step_concurrency_level(signed(config.step_concurrency))
        .auto_termination_policy(
            AutoTerminationPolicy::builder()
                .idle_timeout(i64::from(config.idle_timeout_seconds))
                .build(),
        )
        .visible_to_all_users(true)
        .set_tags(Some(tags::of_new_cluster(
            pipeline,
            run,
            config.workers_after_adding(),
            &config.tags,
        )))
}

/// Sends it once: whoever repeats it looks for its effect first.
pub(crate) async fn send(
    request: RunJobFlowFluentBuilder,
) -> Result<
    Option<String>,
    aws_sdk_emr::error::SdkError<aws_sdk_emr::operation::run_job_flow::RunJobFlowError>,
> {
    let once = aws_sdk_emr::config::Builder::new().retry_config(once());
    Ok(request
        .customize()
        .config_override(once)
        .send()
        .await?
        .job_flow_id)
}

fn fleets(config: &Config) -> Vec<InstanceFleetConfig> {
    let master = InstanceFleetConfig::builder()
        .name("primary")
        .instance_fleet_type(InstanceFleetType::Master)
        .target_on_demand_capacity(1)
        .set_instance_type_configs(Some(types(&config.master_types, None)))
        .build();
    let core_spot = if config.has_task_fleet() {
        0
    } else {
        config.spot.workers
    };
    let mut fleets = vec![
        master,
        workers(
            config,
            InstanceFleetType::Core,
            "core",
            config.on_demand_workers,
            core_spot,
        ),
    ];
    if config.has_task_fleet() {
        fleets.push(workers(
            config,
            InstanceFleetType::Task,
            "task",
            0,
            config.spot.workers,
        ));
    }
    fleets
}

fn workers(
    config: &Config,
    kind: InstanceFleetType,
    name: &str,
    on_demand: u32,
    spot: u32,
) -> InstanceFleetConfig {
    // Also a fleet that begins without spot workers says how to buy them: it may be given some later.
    let strategy = config
        .spot
        .allocation_strategy
        .as_deref()
        .map(SpotProvisioningAllocationStrategy::from);
    let provisioning = SpotProvisioningSpecification::builder()
        .timeout_duration_minutes(signed(config.spot.timeout_minutes))
        .timeout_action(SpotProvisioningTimeoutAction::from(
            config.spot.timeout_action.as_str(),
        ))
        .set_allocation_strategy(strategy)
        .build();
    InstanceFleetConfig::builder()
        .name(name)
        .instance_fleet_type(kind)
        .target_on_demand_capacity(signed(on_demand))
        .target_spot_capacity(signed(spot))
        .set_instance_type_configs(Some(types(
            &config.worker_types,
            Some(config.spot.percent_of_on_demand_price),
        )))
        .launch_specifications(
            InstanceFleetProvisioningSpecifications::builder()
                .spot_specification(provisioning)
                .build(),
        )
        .build()
}

fn types(types: &[String], percent: Option<u32>) -> Vec<InstanceTypeConfig> {
    types
        .iter()
        .map(|name| {
            InstanceTypeConfig::builder()
                .instance_type(name)
                .weighted_capacity(1)
                .set_bid_price_as_percentage_of_on_demand_price(percent.map(f64::from))
                .build()
        })
        .collect()
}

fn metastore(classification: &str, config: &Config) -> Configuration {
    Configuration::builder()
        .classification(classification)
        .properties(
            "hive.metastore.client.factory.class",
            &config.metastore_factory_class,
        )
        .build()
}

fn application(name: &str) -> Application {
    Application::builder().name(name).build()
}

/// The configuration bounds every number far below.
fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
