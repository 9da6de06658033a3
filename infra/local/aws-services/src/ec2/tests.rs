//! Subnets and their tags, as Step Functions and as the AWS CLI ask for them.

use serde_json::{Value, json};

use super::{Ec2, wire};
use crate::failure::ServiceError;

const TAG: &str = "for-use-with-amazon-emr-managed-policies";

fn ec2(folder: &tempfile::TempDir) -> Ec2 {
    Ec2 {
        account: "000000000000".to_owned(),
        documents: crate::documents::Documents::open(folder.path().to_owned()).unwrap(),
        tags: parking_lot::Mutex::new(
            crate::documents::Documents::open(folder.path().to_owned())
                .unwrap()
                .read(super::TAGS)
                .unwrap()
                .unwrap_or_default(),
        ),
    }
}

async fn tagged(ec2: &Ec2, ids: &[&str]) -> Result<Vec<String>, ServiceError> {
    let filter = json!([{"Name": format!("tag:{TAG}"), "Values": ["true"]}]);
    let answer = ec2
        .call(
            "DescribeSubnets",
            json!({"SubnetIds": ids, "Filters": filter}),
        )
        .await?;
    let subnets = answer["Subnets"].as_array().unwrap().iter();
    Ok(subnets
        .map(|subnet| subnet["SubnetId"].as_str().unwrap().to_owned())
        .collect())
}

#[tokio::test]
async fn what_is_no_subnet_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let error = tagged(&ec2(&folder), &["subnet-1", "vpc-1"])
        .await
        .unwrap_err();
    assert_eq!(error.code, "InvalidSubnetID.NotFound");
    assert_eq!(error.message, "The subnet ID 'vpc-1' does not exist");
}

#[tokio::test]
async fn a_parameter_or_filter_that_is_not_known_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let ec2 = ec2(&folder);
    let error = ec2
        .call(
            "DescribeSubnets",
            json!({"SubnetIds": ["subnet-1"], "MaxResults": 5}),
        )
        .await
        .unwrap_err();
    assert!(error.message.contains("MaxResults"), "{error}");
    let filter = json!([{"Name": "vpc-id", "Values": ["vpc-1"]}]);
    let error = ec2
        .call(
            "DescribeSubnets",
            json!({"SubnetIds": ["subnet-1"], "Filters": filter}),
        )
        .await
        .unwrap_err();
    assert!(error.message.contains("vpc-id"), "{error}");
    let error = ec2.call("RunInstances", json!({})).await.unwrap_err();
    assert!(error.message.contains("ec2:RunInstances"), "{error}");
}

#[tokio::test]
async fn a_tag_that_was_deleted_stays_deleted_until_it_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = ec2(&folder);
    assert_eq!(tagged(&first, &["subnet-1"]).await.unwrap(), ["subnet-1"]);
    let of_one = |tag: Value| json!({"Resources": ["subnet-1"], "Tags": [tag]});
    first
        .call("DeleteTags", of_one(json!({"Key": TAG, "Value": "false"})))
        .await
        .unwrap();
    assert_eq!(
        tagged(&first, &["subnet-1"]).await.unwrap(),
        ["subnet-1"],
        "it has another value"
    );
    first
        .call("DeleteTags", of_one(json!({"Key": TAG})))
        .await
        .unwrap();
    let second = ec2(&folder);
    assert_eq!(
        tagged(&second, &["subnet-1", "subnet-2"]).await.unwrap(),
        ["subnet-2"]
    );
    second
        .call("CreateTags", of_one(json!({"Key": TAG, "Value": "true"})))
        .await
        .unwrap();
    assert_eq!(
        tagged(&second, &["subnet-1", "subnet-2"]).await.unwrap(),
        ["subnet-1", "subnet-2"]
    );
}

#[test]
fn the_wire_numbers_its_lists_and_answers_in_sets() {
    let form = json!({
        "ResourceId": {"2": "subnet-2", "1": "subnet-1"},
        "Filter": {"1": {"Name": "tag:a", "Value": {"1": "x", "2": "y"}}},
        "Tag": {"1": {"Key": "a", "Value": "b"}},
    });
    assert_eq!(
        wire::members(form),
        json!({
            "Resources": ["subnet-1", "subnet-2"],
            "Filters": [{"Name": "tag:a", "Values": ["x", "y"]}],
            "Tags": [{"Key": "a", "Value": "b"}],
        })
    );
    let output =
        json!({"Subnets": [{"SubnetId": "subnet-1", "Tags": [{"Key": "a", "Value": "<b>"}]}]});
    assert_eq!(
        wire::answer("DescribeSubnets", &output, "r"),
        "<DescribeSubnetsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>\
         <subnetSet><item><subnetId>subnet-1</subnetId><tagSet><item><key>a</key><value>&lt;b&gt;</value></item></tagSet></item></subnetSet></DescribeSubnetsResponse>"
    );
    let error = ServiceError::new("InvalidSubnetID.NotFound", "no <subnet>");
    assert!(
        wire::failure(&error, "r")
            .contains("<Code>InvalidSubnetID.NotFound</Code><Message>no &lt;subnet&gt;</Message>")
    );
}
