//! Instances: spot that does not come, workers that are added or lost.

use super::*;

#[tokio::test]
async fn spot_that_never_comes_is_replaced_at_launch_and_given_up_at_a_resize() {
    let fixture = fixture();
    fixture
        .emr
        .plan_faults(|faults| faults.spot_is_never_fulfilled = true);
    let id = fixture.run(request()).await;
    fixture.sleep(599).await;
    assert_eq!(fixture.state(&id).await, "STARTING");
    assert_eq!(fixture.instances(&id, "AWAITING_FULFILLMENT").await, 1);
    fixture.sleep(400).await;
    assert_eq!(fixture.state(&id).await, "WAITING");
    let fleet = fixture.fleet(&id).await;
    assert_eq!(
        (
            &fleet["ProvisionedOnDemandCapacity"],
            &fleet["ProvisionedSpotCapacity"]
        ),
        (&json!(2), &json!(0))
    );
    let target = json!({"InstanceFleetId": fleet["Id"], "TargetOnDemandCapacity": 1, "TargetSpotCapacity": 3});
    fixture
        .ok(
            "ModifyInstanceFleet",
            json!({"ClusterId": id, "InstanceFleet": target}),
        )
        .await;
    fixture.sleep(899).await;
    assert_eq!(fixture.fleet(&id).await["Status"]["State"], "RESIZING");
    assert_eq!(fixture.instances(&id, "AWAITING_FULFILLMENT").await, 2);
    fixture.sleep(2).await;
    assert_eq!(fixture.fleet(&id).await["Status"]["State"], "RUNNING");
    assert_eq!(fixture.instances(&id, "RUNNING").await, 2);
}

#[tokio::test]
async fn spot_that_never_comes_can_end_the_cluster() {
    let fixture = fixture();
    fixture
        .emr
        .plan_faults(|faults| faults.spot_is_never_fulfilled = true);
    let mut strict = request();
    strict["Instances"]["InstanceFleets"][1]["LaunchSpecifications"]["SpotSpecification"]["TimeoutAction"] =
        json!("TERMINATE_CLUSTER");
    let id = fixture.run(strict).await;
    fixture.sleep(700).await;
    let status = fixture.status(&id).await;
    assert_eq!(status["State"], "TERMINATED_WITH_ERRORS");
    assert_eq!(
        status["StateChangeReason"]["Code"],
        "INSTANCE_FLEET_TIMEOUT"
    );
    assert_eq!(
        status["ErrorDetails"][0]["ErrorCode"],
        "INSTANCE_FLEET_TIMEOUT"
    );
}

#[tokio::test]
async fn a_lost_worker_is_replaced_and_a_lost_primary_node_ends_the_cluster() {
    let fixture = fixture();
    let id = fixture.ready().await;
    fixture.hang("long");
    fixture
        .add(&id, vec![step("long", &["ok"], "CONTINUE")])
        .await;
    fixture.emr.lose_instance(&id, Role::Core).unwrap();
    assert_eq!(fixture.instances(&id, "TERMINATED").await, 1);
    assert_eq!(fixture.fleet(&id).await["Status"]["State"], "RESIZING");
    fixture.emr.lose_instance(&id, Role::Master).unwrap();
    fixture.sleep(61).await;
    let status = fixture.status(&id).await;
    assert_eq!(status["State"], "TERMINATED_WITH_ERRORS");
    assert_eq!(status["StateChangeReason"]["Code"], "INSTANCE_FAILURE");
    assert_eq!(
        fixture.steps(&id).await,
        [("long".to_owned(), "INTERRUPTED".to_owned())]
    );
}

#[tokio::test]
async fn workers_that_are_added_pass_through_their_states_and_are_counted() {
    let fixture = fixture();
    let id = fixture.run(request()).await;
    let fleet = fixture.fleet(&id).await["Id"].clone();
    let target =
        json!({"InstanceFleetId": fleet, "TargetOnDemandCapacity": 1, "TargetSpotCapacity": 3});
    let modify = json!({"ClusterId": id, "InstanceFleet": target});
    let error = fixture
        .call("ModifyInstanceFleet", modify.clone())
        .await
        .unwrap_err();
    assert!(error.message.contains("running or waiting"), "{error}");
    fixture.sleep(400).await;
    fixture.ok("ModifyInstanceFleet", modify.clone()).await;
    fixture.ok("ModifyInstanceFleet", modify).await;
    let mut seen = Vec::new();
    for _ in 0..20 {
        let counts = [
            fixture.instances(&id, "AWAITING_FULFILLMENT").await,
            fixture.instances(&id, "PROVISIONING").await,
            fixture.instances(&id, "BOOTSTRAPPING").await,
            fixture.instances(&id, "RUNNING").await,
        ];
        if seen.last() != Some(&counts) {
            seen.push(counts);
        }
        fixture.sleep(10).await;
    }
    assert_eq!(
        seen,
        [[2, 0, 0, 2], [0, 2, 0, 2], [0, 0, 2, 2], [0, 0, 0, 4]]
    );
    let described = fixture.fleet(&id).await;
    assert_eq!(described["Status"]["State"], "RUNNING");
    assert_eq!(
        (
            &described["TargetSpotCapacity"],
            &described["ProvisionedSpotCapacity"]
        ),
        (&json!(3), &json!(3))
    );
    let shrink =
        json!({"InstanceFleetId": fleet, "TargetOnDemandCapacity": 1, "TargetSpotCapacity": 1});
    fixture
        .ok(
            "ModifyInstanceFleet",
            json!({"ClusterId": id, "InstanceFleet": shrink}),
        )
        .await;
    assert_eq!(fixture.instances(&id, "RUNNING").await, 2);
    assert_eq!(fixture.instances(&id, "TERMINATED").await, 2);
}
