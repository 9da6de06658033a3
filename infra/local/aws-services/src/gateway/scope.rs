//! Which service a request is for, and whose access key signed it: from SigV4's credential scope, else from
//! `X-Amz-Target` or the path. Signatures are not checked; any access key will do.

use http::request::Parts;

/// The services that the gateway knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    S3,
    ElasticMapReduce,
    States,
    Sns,
    Sqs,
    Sts,
    Events,
    Scheduler,
    Lambda,
    Ec2,
    Unknown,
}

/// How a service writes requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Json10,
    Json11,
    /// With the XML namespace of its answers.
    Query(&'static str),
    /// The kind of Query that only EC2 speaks.
    Ec2Query,
    Rest,
    Xml,
    Unknown,
}

/// Where a request belongs.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) service: Service,
    /// As the request has it.
    pub(super) signing_name: String,
    /// Empty when the request is not signed.
    pub(super) access_key: String,
}

impl Service {
    fn named(signing_name: &str) -> Self {
        match signing_name {
            "s3" => Service::S3,
            "elasticmapreduce" => Service::ElasticMapReduce,
            "states" => Service::States,
            "sns" => Service::Sns,
            "sqs" => Service::Sqs,
            "sts" => Service::Sts,
            "events" => Service::Events,
            "scheduler" => Service::Scheduler,
            "lambda" => Service::Lambda,
            "ec2" => Service::Ec2,
            _ => Service::Unknown,
        }
    }

    pub(super) fn signing_name(self) -> &'static str {
        match self {
            Service::S3 => "s3",
            Service::ElasticMapReduce => "elasticmapreduce",
            Service::States => "states",
            Service::Sns => "sns",
            Service::Sqs => "sqs",
            Service::Sts => "sts",
            Service::Events => "events",
            Service::Scheduler => "scheduler",
            Service::Lambda => "lambda",
            Service::Ec2 => "ec2",
            Service::Unknown => "unknown",
        }
    }

    pub(super) fn protocol(self) -> Protocol {
        match self {
            Service::S3 => Protocol::Xml,
            Service::ElasticMapReduce | Service::Events => Protocol::Json11,
            Service::States | Service::Sqs => Protocol::Json10,
            Service::Sns => Protocol::Query("http://sns.amazonaws.com/doc/2010-03-31/"),
            Service::Sts => Protocol::Query("https://sts.amazonaws.com/doc/2011-06-15/"),
            Service::Scheduler | Service::Lambda => Protocol::Rest,
            Service::Ec2 => Protocol::Ec2Query,
            Service::Unknown => Protocol::Unknown,
        }
    }
}

/// Finds out where a request belongs.
pub(super) fn resolve(parts: &Parts) -> Scope {
    if let Some((access_key, signing_name)) = credential(parts) {
        return Scope {
            service: Service::named(&signing_name),
            signing_name,
            access_key,
        };
    }
    let service = unsigned(parts);
    Scope {
        service,
        signing_name: service.signing_name().to_owned(),
        access_key: String::new(),
    }
}

/// Access key and service of `AKID/20261121/us-east-1/states/aws4_request` in the header or, for a presigned URL, in the
/// query. SigV4A leaves the region out, so the service is counted from the end.
fn credential(parts: &Parts) -> Option<(String, String)> {
    let from_header = parts
        .headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once("Credential="))
        .map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or_default().to_owned());
    let credential = from_header.or_else(|| {
        let query = parts.uri.query()?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "X-Amz-Credential")
            .map(|(_, value)| value.into_owned())
    })?;
    let pieces: Vec<&str> = credential.split('/').collect();
    let service = pieces.len().checked_sub(2).filter(|index| *index > 0)?;
    Some((pieces[0].to_owned(), pieces[service].to_owned()))
}

fn unsigned(parts: &Parts) -> Service {
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok());
    match target.and_then(|target| target.split('.').next()) {
        Some("AWSStepFunctions") => Service::States,
        Some("ElasticMapReduce") => Service::ElasticMapReduce,
        Some("AWSEvents") => Service::Events,
        Some("AmazonSQS") => Service::Sqs,
        _ if parts.uri.path().starts_with("/2015-03-31/functions") => Service::Lambda,
        _ => Service::S3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(name: &str, value: &str, uri: &str) -> Parts {
        let request = http::Request::builder()
            .uri(uri)
            .header(name, value)
            .body(())
            .unwrap();
        request.into_parts().0
    }

    #[test]
    fn a_service_that_is_not_served_is_still_named() {
        let scope = resolve(&parts(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKID/20261121/us-east-1/glue/aws4_request, SignedHeaders=host, Signature=0",
            "/",
        ));
        assert_eq!(
            (scope.service, scope.signing_name.as_str()),
            (Service::Unknown, "glue")
        );
    }

    #[test]
    fn the_credential_scope_names_service_and_caller() {
        let scope = resolve(&parts(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=launch_emr/20261121/us-east-1/elasticmapreduce/aws4_request, SignedHeaders=host",
            "/",
        ));
        assert_eq!(scope.service, Service::ElasticMapReduce);
        assert_eq!(scope.access_key, "launch_emr");
    }

    #[test]
    fn a_presigned_url_names_its_service_in_the_query() {
        let scope = resolve(&parts(
            "host",
            "localhost",
            "/bucket/key?X-Amz-Credential=AKID%2F20261121%2Fus-east-1%2Fs3%2Faws4_request",
        ));
        assert_eq!(
            (scope.service, scope.access_key.as_str()),
            (Service::S3, "AKID")
        );
    }

    #[test]
    fn an_unsigned_request_is_known_by_its_target() {
        let scope = resolve(&parts(
            "x-amz-target",
            "AWSStepFunctions.ListStateMachines",
            "/",
        ));
        assert_eq!(scope.service, Service::States);
    }
}
