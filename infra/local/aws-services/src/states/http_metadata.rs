//! What optimized integrations tell about the HTTP response to their call: `SdkHttpMetadata` and `SdkResponseMetadata`.
//! `tasks` and the files of the single integrations call it.

use serde_json::{Map, Value, json};

use super::StepFunctions;

/// The parts of a response that differ between services.
pub(super) struct Answered {
    content_type: &'static str,
    /// `None`: as long as the answer.
    length: Option<usize>,
    status: u16,
    /// Of a function: which version ran, if it has run.
    executed_version: Option<String>,
    is_lambda: bool,
}

impl Answered {
    pub(super) fn with(content_type: &'static str) -> Self {
        Self {
            content_type,
            length: None,
            status: 200,
            executed_version: None,
            is_lambda: false,
        }
    }

    /// Lambda's response, whose body is what the function returned; without a version the event was only accepted.
    pub(super) fn by_lambda(executed_version: Option<&str>, length: usize) -> Self {
        Self {
            length: Some(length),
            status: if executed_version.is_some() { 200 } else { 202 },
            executed_version: executed_version.map(str::to_owned),
            is_lambda: true,
            ..Self::with("application/json")
        }
    }
}

impl StepFunctions {
    /// Adds what Step Functions' own API answers with.
    pub(super) fn with_metadata(&self, answer: Value) -> Value {
        self.with_http(answer, &Answered::with("application/x-amz-json-1.0"))
    }

    /// Adds what optimized integrations tell about the HTTP response; Lambda's status is a member of its own, too.
    pub(super) fn with_http(&self, mut answer: Value, answered: &Answered) -> Value {
        let request_id = self.context.entropy.uuid();
        let length = answered.length.unwrap_or_else(|| answer.to_string().len());
        let date = self
            .context
            .clock
            .now()
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string();
        let connection = match answered.is_lambda {
            true => "Connection",
            false => "connection",
        };
        let mut headers = vec![
            (connection, "keep-alive".to_owned()),
            ("Content-Length", length.to_string()),
            ("Content-Type", answered.content_type.to_owned()),
            ("Date", date),
            ("x-amzn-RequestId", request_id.clone()),
        ];
        if answered.is_lambda {
            let digits = request_id.replace('-', "");
            let (time, rest) = digits.split_at(8);
            headers.push(("x-amzn-Remapped-Content-Length", "0".to_owned()));
            headers.push(("X-Amzn-Trace-Id", format!("root=1-{time}-{rest};sampled=0")));
        }
        if let Some(version) = &answered.executed_version {
            headers.push(("X-Amz-Executed-Version", version.clone()));
        }
        let listed: Map<String, Value> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!([value])))
            .collect();
        let plain: Map<String, Value> = headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        answer["SdkHttpMetadata"] = json!({"AllHttpHeaders": listed, "HttpHeaders": plain, "HttpStatusCode": answered.status});
        answer["SdkResponseMetadata"] = json!({"RequestId": request_id});
        if answered.is_lambda {
            answer["StatusCode"] = answered.status.into();
        }
        answer
    }
}
