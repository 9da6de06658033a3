//! The Lambda API, tried through the gateway.

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::gateway::Body;

const FUNCTIONS: &str = "http://localhost/2015-03-31/functions";

async fn call(bench: &Bench, request: http::request::Builder, body: &str) -> Response<Body> {
    bench
        .services
        .call(request.body(Body::from(body.to_owned())).unwrap())
        .await
        .unwrap()
}

async fn document(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_function_version_or_alias_that_is_not_there_is_not_found() {
    let bench = Bench::new();
    bench.function("status_emr", Ok);
    for name in ["none", "status_emr:none", "status_emr:2"] {
        let response = call(
            &bench,
            Request::post(format!("{FUNCTIONS}/{name}/invocations")),
            "{}",
        )
        .await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            response.headers()["x-amzn-errortype"],
            "ResourceNotFoundException"
        );
        let message = document(response).await["Message"].clone();
        assert_eq!(
            message,
            format!("Function not found: arn:aws:lambda:us-east-1:000000000000:function:{name}")
        );
    }
}

#[tokio::test]
async fn an_event_that_is_not_json_never_reaches_the_function() {
    let bench = Bench::new();
    bench.function("status_emr", Ok);
    let response = call(
        &bench,
        Request::post(format!("{FUNCTIONS}/status_emr/invocations")),
        "{",
    )
    .await;
    assert_eq!(
        response.headers()["x-amzn-errortype"],
        "InvalidRequestContentException"
    );
    assert!(bench.invocations().is_empty());
}

#[tokio::test]
async fn a_functions_failure_is_a_success_of_the_call_with_a_header() {
    let bench = Bench::new();
    bench.function("status_emr", |_| {
        Err(("ClusterGone".to_owned(), "it has gone".to_owned()))
    });
    let response = call(
        &bench,
        Request::post(format!("{FUNCTIONS}/status_emr/invocations")),
        "{}",
    )
    .await;
    assert_eq!(
        (
            response.status(),
            &response.headers()["x-amz-function-error"]
        ),
        (StatusCode::OK, &"Unhandled".parse().unwrap())
    );
    assert_eq!(
        document(response).await,
        json!({"errorType": "ClusterGone", "errorMessage": "it has gone"})
    );
}

#[tokio::test]
async fn a_function_is_called_by_its_arn_and_alias_and_shows_its_log() {
    let bench = Bench::new();
    bench.function("status_emr", |event| Ok(json!({"got": event})));
    let arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Astatus_emr%3Alive";
    let request =
        Request::post(format!("{FUNCTIONS}/{arn}/invocations")).header("x-amz-log-type", "Tail");
    let response = call(&bench, request, "{\"a\": 1}").await;
    assert_eq!(response.headers()["x-amz-executed-version"], "1");
    assert_eq!(
        response.headers()["x-amz-log-result"],
        "dGhlIGVuZCBvZiB0aGUgbG9n"
    );
    assert_eq!(document(response).await, json!({"got": {"a": 1}}));
    assert_eq!(bench.invocations()[0].1.as_deref(), Some("live"));
}

#[tokio::test]
async fn an_event_is_accepted_at_once_and_tried_three_times() {
    let bench = Bench::new();
    bench.function("status_emr", |_| {
        Err(("Throttling".to_owned(), "later".to_owned()))
    });
    let request = Request::post(format!("{FUNCTIONS}/status_emr/invocations"))
        .header("x-amz-invocation-type", "Event");
    assert_eq!(
        call(&bench, request, "{}").await.status(),
        StatusCode::ACCEPTED
    );
    bench.pass(std::time::Duration::from_secs(3600)).await;
    assert_eq!(bench.invocations().len(), 3);
}

#[tokio::test]
async fn functions_are_described_and_listed_in_pages() {
    let bench = Bench::new();
    for name in ["a", "b", "c"] {
        bench.function(name, Ok);
    }
    let first =
        document(call(&bench, Request::get(format!("{FUNCTIONS}/?MaxItems=2")), "").await).await;
    let names: Vec<&Value> = first["Functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|function| &function["FunctionName"])
        .collect();
    assert_eq!(names, ["a", "b"]);
    let rest = Request::get(format!(
        "{FUNCTIONS}/?Marker={}",
        first["NextMarker"].as_str().unwrap()
    ));
    let rest = document(call(&bench, rest, "").await).await;
    assert_eq!(
        (&rest["Functions"][0]["FunctionName"], &rest["NextMarker"]),
        (&json!("c"), &Value::Null)
    );
    let described = document(
        call(
            &bench,
            Request::get(format!("{FUNCTIONS}/a?Qualifier=live")),
            "",
        )
        .await,
    )
    .await;
    assert_eq!(described["Configuration"]["Version"], "1");
    let configuration = document(
        call(
            &bench,
            Request::get(format!("{FUNCTIONS}/a/configuration")),
            "",
        )
        .await,
    )
    .await;
    assert_eq!(
        configuration["FunctionArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:a"
    );
}
