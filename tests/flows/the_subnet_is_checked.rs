//! EMR's service policy launches nothing into a subnet that does not carry its tag, and makes no security groups in a VPC that
//! does not. Both lie outside the stack, so that a run looks before it launches, and says what to tag and how.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::harness::Pipeline;
use crate::strikes::{Blow, Strikes, before};

const TAG: &str = "for-use-with-amazon-emr-managed-policies";

async fn ec2(pipeline: &Pipeline, action: &str, request: Value) -> Result<Value> {
    let _work = pipeline.runtime.clock().work();
    let services = pipeline.runtime.services();
    Ok(services.ec2.call(action, request).await?)
}

/// The subnet of the stack and its VPC.
async fn network(pipeline: &Pipeline) -> Result<(String, String)> {
    let functions = &pipeline.runtime.stack().functions;
    let launch = functions
        .iter()
        .find(|function| function.handler == "launch_emr");
    let subnet = launch.and_then(|launch| launch.environment.get("Subnet_Id"));
    let subnet = subnet.context("launch_emr knows no subnet")?.clone();
    let described = ec2(pipeline, "DescribeSubnets", json!({"SubnetIds": [subnet]})).await?;
    let vpc = described["Subnets"][0]["VpcId"]
        .as_str()
        .context("no VPC")?
        .to_owned();
    Ok((subnet, vpc))
}

async fn untag(pipeline: &Pipeline, resource: &str) -> Result<()> {
    let request = json!({"Resources": [resource], "Tags": [{"Key": TAG}]});
    ec2(pipeline, "DeleteTags", request).await.map(drop)
}

/// Does what the mail's `aws ec2 create-tags` does.
async fn tag_as_told(pipeline: &Pipeline, resource: &str) -> Result<()> {
    let mail = pipeline.last_mail();
    let command = format!(
        "aws ec2 create-tags --region us-east-1 --resources {resource} --tags Key={TAG},Value=true"
    );
    assert!(mail.contains(&command), "{mail}");
    let request = json!({"Resources": [resource], "Tags": [{"Key": TAG, "Value": "true"}]});
    ec2(pipeline, "CreateTags", request).await.map(drop)
}

#[tokio::test]
pub(crate) async fn a_subnet_without_the_tag_fails_the_run_before_a_launch_and_names_the_command()
-> Result<()> {
    let (pipeline, strikes) = Strikes::pipeline([]).await?;
    let (subnet, _) = network(&pipeline).await?;
    pipeline.land_countries().await?;
    untag(&pipeline, &subnet).await?;
    pipeline.fails("b1", "SubnetNotTagged").await?;
    assert_eq!(strikes.calls("RunJobFlow", ""), 0);
    pipeline.holds(1).await?;
    tag_as_told(&pipeline, &subnet).await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 3);
    pipeline.holds(2).await
}

#[tokio::test]
pub(crate) async fn a_vpc_without_the_tag_matters_where_emr_makes_the_groups() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let (_, vpc) = network(&pipeline).await?;
    pipeline.land_countries().await?;
    untag(&pipeline, &vpc).await?;
    pipeline.fails("b1", "VpcNotTagged").await?;
    pipeline.holds(1).await?;
    tag_as_told(&pipeline, &vpc).await?;
    pipeline.load("b1").await?;

    let folder = std::sync::Arc::new(tempfile::TempDir::new()?);
    let with_groups = Pipeline::start_with(folder, |options| {
        let vpc = ("VpcId".to_owned(), vpc.clone());
        options.parameters.insert(vpc.0, vpc.1);
    })
    .await?;
    with_groups.land_countries().await?;
    untag(&with_groups, &vpc).await?;
    with_groups.load("b1").await?;
    with_groups.holds(1).await
}

#[tokio::test]
pub(crate) async fn a_subnet_that_does_not_exist_is_named() -> Result<()> {
    let words = "The subnet ID 'subnet-0123456789abcdef0' does not exist";
    let refusal = Blow::Say("InvalidSubnetID.NotFound", 400, words);
    let (pipeline, strikes) =
        Strikes::pipeline([before("ec2", "DescribeSubnets", refusal).always()]).await?;
    pipeline.land_countries().await?;
    pipeline.fails("b1", "SubnetNotFound").await?;
    assert_eq!(strikes.calls("RunJobFlow", ""), 0);
    let mail = pipeline.last_mail();
    assert!(
        mail.contains(words) && mail.contains("config.ini"),
        "{mail}"
    );
    pipeline.holds(1).await
}

#[tokio::test]
pub(crate) async fn every_subnet_of_the_configuration_has_to_be_tagged() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let config = pipeline.content("config/config.ini").await?;
    let config = config.replace(
        "subnet_id = ${env:Subnet_Id}",
        "subnet_id = subnet-0a1b2c3d, subnet-4e5f6071",
    );
    pipeline.put("config/config.ini", &config).await?;
    pipeline.land_countries().await?;
    untag(&pipeline, "subnet-4e5f6071").await?;
    pipeline.fails("b1", "SubnetNotTagged").await?;
    let mail = pipeline.last_mail();
    assert!(
        mail.contains("--resources subnet-0a1b2c3d subnet-4e5f6071 --tags"),
        "{mail}"
    );
    Ok(())
}

#[tokio::test]
pub(crate) async fn a_run_goes_on_when_ec2_cannot_be_asked() -> Result<()> {
    for blow in [Blow::Throttle, Blow::Unavailable, Blow::Deny, Blow::Lose] {
        for action in ["DescribeSubnets", "DescribeVpcs"] {
            let rule = before("ec2", action, blow.clone()).always();
            let (pipeline, strikes) = Strikes::pipeline([rule]).await?;
            pipeline.land_countries().await?;
            pipeline.load("b1").await?;
            assert!(strikes.struck() > 1, "{action} was tried again");
            pipeline.holds(1).await?;
        }
    }
    Ok(())
}
