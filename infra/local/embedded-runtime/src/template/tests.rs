//! Tests of the template as a whole: what is refused, and what the resolved stack holds.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{Stack, Surroundings, Template};
use crate::problem::Problem;

fn surroundings() -> Surroundings {
    Surroundings {
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        stack_name: "pipeline".to_owned(),
    }
}

fn resolve_with(text: &str, parameters: &[(&str, &str)]) -> Result<Stack, Vec<Problem>> {
    let given = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let given: BTreeMap<String, String> = given.collect();
    Template::parse(Path::new("t.yaml"), text)?.resolve(&surroundings(), &given)
}

fn problems(text: &str) -> String {
    let problems = resolve_with(text, &[]).unwrap_err();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// The properties of a recorded resource `R`, which is how these tests look at values.
fn value_of(expression: &str, sections: &str) -> Value {
    let text = format!(
        "{sections}\nResources:\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      V: {expression}\n"
    );
    let stack = resolve_with(&text, &[]).unwrap_or_else(|problems| panic!("{problems:?}"));
    stack.recorded[0].properties["V"].clone()
}

#[test]
fn an_unknown_resource_type_is_refused_by_name_and_line() {
    let text = "Resources:\n  Q:\n    Type: AWS::Batch::JobQueue\n";
    assert_eq!(
        problems(text),
        "t.yaml:3:11: resource type AWS::Batch::JobQueue is not supported"
    );
}

#[test]
fn an_unsupported_intrinsic_is_refused_by_name_and_line() {
    let text = "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: !ImportValue x\n";
    assert_eq!(
        problems(text),
        "t.yaml:5:19: Fn::ImportValue is not supported"
    );
}

#[test]
fn every_unsupported_property_is_told_at_once() {
    let text = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: a\n      \
                SnapStart: {}\n      ImageUri: x\n";
    assert_eq!(
        problems(text),
        "t.yaml:6:7: F: property SnapStart is not supported\nt.yaml:7:7: F: property ImageUri is not supported"
    );
}

#[test]
fn a_reference_to_nothing_is_refused() {
    let text = "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: !Sub '${Nobody}-x'\n";
    assert!(problems(text).contains("t.yaml:5:19: Nobody is neither a parameter nor a resource"));
}

#[test]
fn an_unknown_attribute_is_refused() {
    let text = "Resources:\n  B:\n    Type: AWS::S3::Bucket\nOutputs:\n  O:\n    Value: !GetAtt B.Colour\n";
    assert!(problems(text).contains("B (AWS::S3::Bucket) has no attribute Colour"));
}

#[test]
fn a_circle_of_resources_is_refused() {
    let text = "Resources:\n  A:\n    Type: AWS::IAM::Role\n    Properties: {X: !Ref B}\n  B:\n    \
                Type: AWS::IAM::Role\n    Properties: {X: !GetAtt A.Arn}\n";
    assert!(
        problems(text).contains("circular dependency: A -> B -> A"),
        "{}",
        problems(text)
    );
}

#[test]
fn a_circle_of_conditions_is_refused() {
    let text = "Conditions:\n  C: !Not [!Condition D]\n  D: !Not [!Condition C]\nResources:\n  B:\n    \
                Type: AWS::S3::Bucket\n    Condition: C\n";
    assert!(
        problems(text).contains("depends on itself"),
        "{}",
        problems(text)
    );
}

#[test]
fn a_parameter_without_a_value_is_named() {
    let text = "Parameters:\n  P:\n    Type: String\nResources:\n  B:\n    Type: AWS::S3::Bucket\n";
    assert!(problems(text).contains("parameter P has no default and no value was given"));
}

#[test]
fn a_value_outside_its_pattern_or_list_is_refused() {
    let text = "Parameters:\n  P:\n    Type: String\n    Default: x1\n    AllowedPattern: '[a-z]+'\n  Q:\n    Type: String\n    \
                Default: c\n    AllowedValues: [a, b]\nResources:\n  B:\n    Type: AWS::S3::Bucket\n";
    let found = problems(text);
    assert!(found.contains("\"x1\" does not match [a-z]+"), "{found}");
    assert!(
        found.contains("may not be \"c\", only one of a, b"),
        "{found}"
    );
}

#[test]
fn a_value_for_an_unknown_parameter_is_refused() {
    let text = "Resources:\n  B:\n    Type: AWS::S3::Bucket\n";
    let found = resolve_with(text, &[("Nobody", "x")]).unwrap_err();
    assert!(found[0].message.contains("no parameter Nobody"));
}

#[test]
fn an_unknown_section_is_refused() {
    let text = "Hooks: {}\nResources:\n  B:\n    Type: AWS::S3::Bucket\n";
    assert_eq!(
        problems(text),
        "t.yaml:1:1: the section Hooks is not supported"
    );
}

#[test]
fn a_rule_that_does_not_hold_is_told_in_its_own_words() {
    let text = "Parameters:\n  A: {Type: String, Default: x}\nRules:\n  R:\n    RuleCondition: !Equals [!Ref A, x]\n    Assertions:\n      - Assert: !Not [!Equals [!Ref A, x]]\n        AssertDescription: A is not x\nResources:\n  B:\n    Type: AWS::S3::Bucket\n";
    assert_eq!(problems(text), "t.yaml:7:9: rule R: A is not x");
    assert!(resolve_with(text, &[("A", "y")]).is_ok());
    let text = "Parameters:\n  A: {Type: CommaDelimitedList, Default: \"\"}\nRules:\n  R:\n    Assertions:\n      - Assert: !Not [!EachMemberEquals [!Ref A, \"\"]]\n        AssertDescription: A is needed\nResources:\n  B:\n    Type: AWS::S3::Bucket\n";
    assert_eq!(problems(text), "t.yaml:6:9: rule R: A is needed");
    assert!(resolve_with(text, &[("A", "rtb-1,rtb-2")]).is_ok());
}

#[test]
fn what_is_accepted_without_effect_is_listed() {
    let text = "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: b\n      Tags: []\n  W:\n    Type: AWS::Athena::WorkGroup\n";
    let stack = resolve_with(text, &[]).unwrap();
    let left: Vec<(&str, Vec<String>)> = stack
        .left_to_aws
        .iter()
        .map(|left| (left.logical_id.as_str(), left.properties.clone()))
        .collect();
    assert_eq!(left, [("B", vec!["Tags".to_owned()]), ("W", Vec::new())]);
}

#[test]
fn a_reserved_variable_is_refused() {
    let text = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: a\n      \
                Environment:\n        Variables:\n          AWS_REGION: x\n";
    assert!(problems(text).contains("t.yaml:8:11: F: Lambda reserves the variable AWS_REGION"));
}

#[test]
fn a_reference_to_a_resource_that_its_condition_excludes_is_refused() {
    let text = "Conditions:\n  C: !Equals [a, b]\nResources:\n  A:\n    Type: AWS::S3::Bucket\n    Condition: C\n  B:\n    \
                Type: AWS::IAM::Role\n    Properties: {X: !Ref A}\n";
    assert!(
        problems(text).contains("A does not exist here, because its condition C does not hold")
    );
}

#[test]
fn intrinsics_give_what_cloudformation_gives() {
    let sections = "Parameters:\n  L: {Type: CommaDelimitedList, Default: 'a, b,c'}\n  N: {Type: Number, Default: 7}\n\
                    Mappings:\n  M:\n    us-east-1:\n      K: found\nConditions:\n  Yes: !Equals [!Ref N, '7']\n  \
                    No: !Or [!Not [!Condition Yes], !Equals [x, y]]\n  Both: !And [Condition: Yes, !Not [{Condition: No}]]\n";
    let value = |expression: &str| value_of(expression, sections);
    assert_eq!(value("!Join ['-', [a, !Ref N]]"), json!("a-7"));
    assert_eq!(value("!Join ['-', !Ref L]"), json!("a-b-c"));
    assert_eq!(value("!Select [1, !Ref L]"), json!("b"));
    assert_eq!(value("!Select ['2', !Split [',', 'x,y,z']]"), json!("z"));
    assert_eq!(
        value("!FindInMap [M, !Ref 'AWS::Region', K]"),
        json!("found")
    );
    assert_eq!(value("!If [Yes, 1, 2]"), json!(1));
    assert_eq!(value("!If [Both, x, y]"), json!("x"));
    assert_eq!(value("[a, !If [No, b, !Ref 'AWS::NoValue']]"), json!(["a"]));
    assert_eq!(value("{K: !Ref 'AWS::NoValue', Z: 1}"), json!({"Z": 1}));
    assert_eq!(
        value("!Sub 'arn:${AWS::Partition}:x:${AWS::Region}:${AWS::AccountId}:${!Kept}'"),
        json!("arn:aws:x:us-east-1:000000000000:${Kept}")
    );
    assert_eq!(value("!Sub ['${A}/${N}', {A: !Ref N}]"), json!("7/7"));
    assert_eq!(
        value("!GetAtt [R, Arn]")
            .as_str()
            .map(|arn| arn.starts_with("arn:aws:iam::000000000000:role/pipeline-R-")),
        Some(true)
    );
    assert_eq!(value("{'Fn::Join': ['', [a, b]]}"), json!("ab"));
}

#[test]
fn functions_inherit_globals_and_have_aliases_and_roles() {
    let text = "Globals:\n  Function:\n    Timeout: 60\n    AutoPublishAlias: live\n    Environment:\n      Variables: {A: one, B: two}\n\
                Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      FunctionName: f\n      Handler: h\n      \
                Timeout: 5\n      Environment:\n        Variables: {B: !Ref S, C: 3}\n  S:\n    Type: AWS::S3::Bucket\n  \
                G:\n    Type: AWS::IAM::Role\n    Properties:\n      P: [!Ref F.Alias, !Ref F.Version, !Sub '${F.Alias}', !GetAtt FRole.Arn, !Ref F]\n";
    let stack = resolve_with(text, &[]).unwrap();
    let function = &stack.functions[0];
    assert_eq!(function.timeout.as_secs(), 5);
    let variables: Vec<(&str, &str)> = function
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        variables,
        [
            ("A", "one"),
            ("B", stack.buckets[0].name.as_str()),
            ("C", "3")
        ]
    );
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let recorded = &stack.recorded[0].properties["P"];
    assert_eq!(recorded[0], json!(format!("{arn}:live")));
    assert_eq!(recorded[1], json!(format!("{arn}:1")));
    assert_eq!(recorded[2], recorded[0]);
    assert_eq!(recorded[3], json!(function.role_arn));
    assert_eq!(recorded[4], json!("f"));
}

#[test]
fn a_bucket_without_a_name_gets_the_same_legal_one_every_time() {
    let text = "Resources:\n  Data:\n    Type: AWS::S3::Bucket\n";
    let name = resolve_with(text, &[]).unwrap().buckets[0].name.clone();
    assert_eq!(name, resolve_with(text, &[]).unwrap().buckets[0].name);
    assert!(name.starts_with("pipeline-data-") && name == name.to_lowercase());
}

#[test]
fn events_of_a_state_machine_become_schedules_and_rules() {
    let text = "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      Name: m\n      DefinitionUri: m.json\n      \
                Events:\n        Nightly:\n          Type: ScheduleV2\n          Properties:\n            ScheduleExpression: rate(1 day)\n            \
                Input: '{}'\n        Reap:\n          Type: EventBridgeRule\n          Properties:\n            Pattern: {source: [aws.states]}\n";
    let stack = resolve_with(text, &[]).unwrap();
    let schedule = &stack.schedules[0].schedule;
    assert_eq!(
        schedule["Target"]["Arn"],
        json!("arn:aws:states:us-east-1:000000000000:stateMachine:m")
    );
    assert_eq!(schedule["FlexibleTimeWindow"]["Mode"], json!("OFF"));
    assert_eq!(
        stack.rules[0].rule["EventPattern"],
        json!(r#"{"source":["aws.states"]}"#)
    );
}

#[test]
fn what_only_an_account_has_gets_a_stand_in() {
    let text = "Parameters:\n  S: {Type: 'AWS::EC2::Subnet::Id'}\n  E: {Type: String, AllowedPattern: '[^@ ]+@[^@ ]+'}\n\
                Resources:\n  B:\n    Type: AWS::S3::Bucket\nOutputs:\n  O: {Value: !Sub '${S} ${E}'}\n";
    let stack = resolve_with(text, &[]).unwrap();
    assert_eq!(
        stack.outputs["O"],
        "subnet-0123456789abcdef0 data-engineer@example.com"
    );
}
