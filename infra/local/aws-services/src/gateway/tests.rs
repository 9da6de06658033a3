//! The wire, tried without a socket where it can be and over one where it must.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Body, ConnectionLost};
use crate::bench::{Bench, pass};
use crate::failure::ServiceError;
use crate::interceptor::Verdict;

fn request(service: &str, target: &str, body: &str) -> Request<Body> {
    let credential = format!(
        "AWS4-HMAC-SHA256 Credential=status_emr/20261121/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let mut request = Request::post("http://localhost/").header("authorization", credential);
    if !target.is_empty() {
        request = request.header("x-amz-target", target);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn document(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

#[tokio::test]
async fn errors_go_out_in_the_protocol_of_their_service() {
    let bench = Bench::new();
    let states = request(
        "states",
        "AWSStepFunctions.DescribeExecution",
        r#"{"executionArn": "x"}"#,
    );
    let response = bench.services.call(states).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        response.headers()["content-type"],
        "application/x-amz-json-1.0"
    );
    assert_eq!(
        document(response).await,
        json!({"__type": "InvalidArn", "message": "Invalid Arn: 'Invalid ARN prefix: x'"})
    );

    let events = request("events", "AWSEvents.DescribeRule", r#"{"Name": "x"}"#);
    let response = bench.services.call(events).await.unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "application/x-amz-json-1.1"
    );
    assert_eq!(
        document(response).await["__type"],
        "ResourceNotFoundException"
    );

    let sns = request("sns", "", "Action=Publish&TopicArn=arn:x&Message=m");
    let response = bench.services.call(sns).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let xml = text(response).await;
    assert!(
        xml.contains(
            "<Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message>"
        ),
        "{xml}"
    );
}

#[tokio::test]
async fn what_is_not_served_or_not_readable_is_refused_by_name() {
    let bench = Bench::new();
    for (service, target, body, code, named) in [
        (
            "dynamodb",
            "DynamoDB_20120810.GetItem",
            "{}",
            "UnknownService",
            "dynamodb",
        ),
        (
            "states",
            "",
            "{}",
            "UnknownOperationException",
            "X-Amz-Target",
        ),
        (
            "states",
            "AWSStepFunctions.ListExecutions",
            "{",
            "SerializationException",
            "EOF",
        ),
        (
            "states",
            "AWSStepFunctions.ListExecutions",
            "[]",
            "SerializationException",
            "object",
        ),
        (
            "states",
            "AWSStepFunctions.StartSomething",
            "{}",
            "UnsupportedOperation",
            "states:StartSomething",
        ),
    ] {
        let response = bench
            .services
            .call(request(service, target, body))
            .await
            .unwrap();
        let error = document(response).await;
        assert_eq!(error["__type"], code);
        assert!(
            error["message"].as_str().unwrap().contains(named),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused() {
    let bench = Bench::new();
    let body = " ".repeat(9 * 1024 * 1024);
    let response = bench
        .services
        .call(request(
            "states",
            "AWSStepFunctions.ListStateMachines",
            &body,
        ))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_fault_before_the_effect_prevents_it_and_one_after_it_hides_it() {
    let create = || {
        let body =
            json!({"name": "m", "definition": pass().to_string(), "roleArn": "arn:aws:iam::000000000000:role/r"}).to_string();
        request("states", "AWSStepFunctions.CreateStateMachine", &body)
    };
    for (after, machines) in [(false, 0), (true, 1)] {
        let bench = Bench::new();
        bench.decide(move |call, status| {
            assert_eq!(
                (call.service.as_str(), call.caller.as_str()),
                ("states", "status_emr")
            );
            if call.action != "CreateStateMachine" || status.is_some() != after {
                return Verdict::Pass;
            }
            let error = ServiceError::new("ThrottlingException", "Rate exceeded");
            Verdict::Fail(error.with_status(StatusCode::TOO_MANY_REQUESTS))
        });
        let response = bench.services.call(create()).await.unwrap();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        let listed = bench
            .services
            .call(request(
                "states",
                "AWSStepFunctions.ListStateMachines",
                "{}",
            ))
            .await
            .unwrap();
        assert_eq!(
            document(listed).await["stateMachines"]
                .as_array()
                .unwrap()
                .len(),
            machines
        );

        bench.decide(move |_, status| {
            if status.is_some() == after {
                Verdict::LoseResponse
            } else {
                Verdict::Pass
            }
        });
        assert_eq!(
            bench.services.call(create()).await.unwrap_err(),
            ConnectionLost
        );
    }
}

#[tokio::test]
async fn a_request_that_hangs_does_not_hold_the_time() {
    let bench = Bench::new();
    bench.decide(|call, _| {
        if call.action == "ListTopics" {
            Verdict::Hang
        } else {
            Verdict::Pass
        }
    });
    let hanging = bench.services.call(request("sns", "", "Action=ListTopics"));
    let patience = bench
        .services
        .context
        .clock
        .sleep(std::time::Duration::from_secs(60));
    tokio::select! {
        biased;
        _ = hanging => panic!("it answered"),
        work = patience => drop(work),
    }
    assert_eq!(bench.now().to_string(), "2026-11-21T00:01:00Z");
}

#[tokio::test]
async fn faults_of_objects_close_their_connection_because_the_body_may_be_unread() {
    let bench = Bench::new();
    bench.decide(|call, _| {
        assert_eq!(
            (call.service.as_str(), call.action.as_str()),
            ("s3", "PutObject")
        );
        assert_eq!(
            (&call.request["Bucket"], &call.request["Key"]),
            (&json!("bucket"), &json!("a/b"))
        );
        Verdict::Fail(
            ServiceError::new("SlowDown", "Please reduce your request rate.")
                .with_status(StatusCode::SERVICE_UNAVAILABLE),
        )
    });
    let put = Request::put("http://localhost/bucket/a/b")
        .body(Body::from("x"))
        .unwrap();
    let response = bench.services.call(put).await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["connection"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"close".parse().unwrap())
    );
    let xml = text(response).await;
    assert!(xml.contains("<Code>SlowDown</Code>"), "{xml}");
}

#[tokio::test]
async fn answers_carry_pipeline_time_and_a_request_id() {
    let bench = Bench::new();
    let sts = request("sts", "", "Action=GetCallerIdentity&Version=2011-06-15");
    let response = bench.services.call(sts).await.unwrap();
    assert_eq!(response.headers()["date"], "Sat, 21 Nov 2026 00:00:00 GMT");
    let id = response.headers()["x-amzn-requestid"]
        .to_str()
        .unwrap()
        .to_owned();
    let xml = text(response).await;
    assert!(
        xml.contains("<Account>000000000000</Account>") && xml.contains(&id),
        "{xml}"
    );
}

async fn exchange(stream: &mut TcpStream, action: &str) -> String {
    let body = "{}";
    let text = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: AWSStepFunctions.{action}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap_or(0);
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn over_a_socket_a_lost_response_is_a_closed_connection_and_a_stop_ends_the_service() {
    let bench = Bench::new();
    bench.decide(|call, status| match (call.action.as_str(), status) {
        ("ListExecutions", Some(_)) => Verdict::LoseResponse,
        _ => Verdict::Pass,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let services = Arc::clone(&bench.services);
    let server = tokio::spawn(async move {
        services
            .serve(listener, async { drop(stopped.await) })
            .await
    });

    let mut stream = TcpStream::connect(address).await.unwrap();
    let answer = exchange(&mut stream, "ListStateMachines").await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("{\"stateMachines\":[]}"),
        "{answer}"
    );
    assert_eq!(exchange(&mut stream, "ListExecutions").await, "");

    let mut idle = TcpStream::connect(address).await.unwrap();
    assert!(
        exchange(&mut idle, "ListStateMachines")
            .await
            .starts_with("HTTP/1.1 200")
    );
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    assert_eq!(idle.read(&mut [0; 16]).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}
