//! Where config.ini comes from: S3, read once per warm process and again only when its ETag has changed. Called by the
//! functions that launch, guard, resize and terminate; the status functions take only their polling from it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::shared::clients::{Clients, EnvironmentMissing};
use crate::shared::config::{Config, parse_config_in};
use crate::shared::config_text::Problem;
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::polling::Polling;

const GET_OBJECT: &str = "s3:GetObject";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The function does not know where to look.
    #[error(transparent)]
    Environment(#[from] EnvironmentMissing),
    /// Nothing is there.
    #[error("the configuration s3://{bucket}/{key} does not exist: {detail}")]
    Missing {
        /// From Config_File_S3_Bucket.
        bucket: String,
        /// From Config_File_S3_Key.
        key: String,
        /// S3's code.
        detail: String,
    },
    /// It has problems, all listed.
    #[error("the configuration s3://{bucket}/{key} has {} problem(s): {}", problems.len(), joined(problems))]
    Invalid {
        /// From Config_File_S3_Bucket.
        bucket: String,
        /// From Config_File_S3_Key.
        key: String,
        /// All of them, by line.
        problems: Vec<Problem>,
    },
    /// S3 did not give it.
    #[error(transparent)]
    Call(#[from] CallError),
}

fn joined(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

impl Typed for ConfigError {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Environment(error) => error.error_type(),
            Self::Missing { .. } => ErrorType::ConfigMissing,
            Self::Invalid { .. } => ErrorType::ConfigInvalid,
            Self::Call(error) => error.error_type(),
        }
    }
}

/// The configuration that this process read last.
#[derive(Debug, Default)]
pub(crate) struct ConfigCache(Mutex<Option<Cached>>);

#[derive(Debug, Clone)]
struct Cached {
    bucket: String,
    key: String,
    etag: Option<String>,
    config: Arc<Config>,
}

impl ConfigCache {
    fn get(&self, bucket: &str, key: &str) -> Option<Cached> {
        // A poisoned lock holds a whole value all the same: it is only ever replaced as one.
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cached
            .as_ref()
            .filter(|cached| cached.bucket == bucket && cached.key == key)
            .cloned()
    }

    fn set(&self, cached: Cached) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cached);
    }
}

/// The configuration as it is now.
pub(crate) async fn load(clients: &Clients) -> Result<Arc<Config>, ConfigError> {
    let environment = clients.environment();
    let bucket = environment.require("Config_File_S3_Bucket")?;
    let key = environment.require("Config_File_S3_Key")?;
    let cached = clients.config_cache().get(bucket, key);
    let request = clients
        .s3()
        .get_object()
        .bucket(bucket)
        .key(key)
        .set_if_none_match(cached.as_ref().and_then(|cached| cached.etag.clone()));
    let address = format!("s3://{bucket}/{key}");
    let answer = match request
        .send()
        .await
        .map_err(|error| CallError::new(GET_OBJECT, &address, error))
    {
        Ok(answer) => answer,
        Err(error) => return unchanged(cached, error, bucket, key),
    };
    let etag = answer.e_tag().map(str::to_owned);
    let bytes = answer
        .body
        .collect()
        .await
        .map_err(|_| CallError::incomplete(GET_OBJECT, &address, "complete body"))?;
    let invalid = |problems| ConfigError::Invalid {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        problems,
    };
    let bytes = bytes.into_bytes();
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| invalid(vec![whole(format!("the file is no UTF-8: {error}"))]))?;
    let config = parse_config_in(text, &|name| environment.given(name).map(str::to_owned))
        .map_err(invalid)?;
    if let Some(region) = environment
        .get("AWS_REGION")
        .filter(|region| *region != config.region)
    {
        let message = format!("is {:?}, but the functions run in {region}", config.region);
        return Err(invalid(vec![Problem {
            section: "basic".to_owned(),
            key: "emr_region".to_owned(),
            ..whole(message)
        }]));
    }
    for warning in &config.warnings {
        tracing::warn!("{address}: {warning}");
    }
    let config = Arc::new(config);
    clients.config_cache().set(Cached {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        etag,
        config: Arc::clone(&config),
    });
    Ok(config)
}

fn whole(message: String) -> Problem {
    Problem {
        line: None,
        section: String::new(),
        key: String::new(),
        message,
    }
}

fn unchanged(
    cached: Option<Cached>,
    error: CallError,
    bucket: &str,
    key: &str,
) -> Result<Arc<Config>, ConfigError> {
    match cached {
        Some(cached) if error.status() == Some(304) => Ok(cached.config),
        Some(cached)
            if matches!(
                error.error_type(),
                ErrorType::Throttled | ErrorType::ServiceUnavailable
            ) =>
        {
            tracing::warn!("going on with the configuration that was read before: {error}");
            Ok(cached.config)
        }
        _ if matches!(
            error.code(),
            Some("NoSuchKey" | "NoSuchBucket" | "NotFound")
        ) || error.status() == Some(404) =>
        {
            Err(ConfigError::Missing {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                detail: error.detail().to_owned(),
            })
        }
        _ => Err(error.into()),
    }
}

/// The configured polling, or the usual one: a status is worth more than its ideal interval.
pub(crate) async fn polling(clients: &Clients) -> Polling {
    let environment = clients.environment();
    let (Some(bucket), Some(key)) = (
        environment.get("Config_File_S3_Bucket"),
        environment.get("Config_File_S3_Key"),
    ) else {
        return Polling::default();
    };
    if let Some(cached) = clients.config_cache().get(bucket, key) {
        return cached.config.polling.clone();
    }
    match load(clients).await {
        Ok(config) => config.polling.clone(),
        Err(error) => {
            tracing::warn!("polling at the usual intervals: {error}");
            Polling::default()
        }
    }
}

/// The pipeline's name, which its clusters carry as a tag.
pub(crate) async fn pipeline_name(clients: &Clients) -> Result<String, ConfigError> {
    match clients.environment().get("Pipeline_Name") {
        Some(name) => Ok(name.to_owned()),
        None => Ok(load(clients).await?.name.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::config::tests::ORIGINAL;
    use crate::shared::replay::{CONFIG, Replay};

    #[tokio::test]
    async fn names_bucket_and_key_that_do_not_exist() {
        let replay = Replay::new().s3_refuses("GET", "/workarea/config.ini", &[], 404, "NoSuchKey");
        let error = load(&replay.clients(&CONFIG)).await.unwrap_err();
        assert_eq!(error.error_type(), ErrorType::ConfigMissing);
        assert!(
            error.to_string().contains("s3://workarea/config.ini"),
            "{error}"
        );
        replay.finish();
    }

    #[tokio::test]
    async fn lists_all_problems_in_one_message() {
        let replay = Replay::new().s3(
            "GET",
            "/workarea/config.ini",
            &[],
            &[],
            "[basic]\nemr_name=x\n",
        );
        let error = load(&replay.clients(&CONFIG)).await.unwrap_err();
        assert_eq!(error.error_type(), ErrorType::ConfigInvalid);
        assert!(error.to_string().contains("10 problem(s)"), "{error}");
        assert!(
            error
                .to_string()
                .contains("[access] subnet_id is missing; "),
            "{error}"
        );
    }

    #[tokio::test]
    async fn refuses_a_region_that_is_not_the_functions_own() {
        let replay = Replay::new().config(ORIGINAL);
        let clients = replay.clients(&[CONFIG[0], CONFIG[1], ("AWS_REGION", "eu-west-1")]);
        let error = load(&clients).await.unwrap_err();
        assert!(
            error.to_string().contains("the functions run in eu-west-1"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn is_denied_by_name_of_the_action() {
        let replay =
            Replay::new().s3_refuses("GET", "/workarea/config.ini", &[], 403, "AccessDenied");
        let error = load(&replay.clients(&CONFIG)).await.unwrap_err();
        assert_eq!(error.error_type(), ErrorType::AccessDenied);
        assert!(error.to_string().contains("s3:GetObject"), "{error}");
    }

    #[tokio::test]
    async fn is_read_again_only_when_it_has_changed() {
        let changed = ORIGINAL.replace("data_pipeline", "renamed");
        let replay = Replay::new()
            .s3(
                "GET",
                "/workarea/config.ini",
                &[("if-none-match", "")],
                &[("etag", "\"1\"")],
                ORIGINAL,
            )
            .s3_status(
                "GET",
                "/workarea/config.ini",
                &[("if-none-match", "\"1\"")],
                304,
            )
            .s3(
                "GET",
                "/workarea/config.ini",
                &[("if-none-match", "\"1\"")],
                &[("etag", "\"2\"")],
                &changed,
            );
        let clients = replay.clients(&CONFIG);
        assert_eq!(load(&clients).await.unwrap().name, "data_pipeline");
        assert_eq!(load(&clients).await.unwrap().name, "data_pipeline");
        assert_eq!(load(&clients).await.unwrap().name, "renamed");
        replay.finish();
    }

    #[tokio::test]
    async fn what_was_read_before_serves_while_s3_does_not() {
        let replay = Replay::new()
            .s3(
                "GET",
                "/workarea/config.ini",
                &[],
                &[("etag", "\"1\"")],
                ORIGINAL,
            )
            .s3_refuses("GET", "/workarea/config.ini", &[], 503, "SlowDown")
            .s3_refuses("GET", "/workarea/config.ini", &[], 503, "SlowDown")
            .s3_refuses("GET", "/workarea/config.ini", &[], 503, "SlowDown");
        let clients = replay.clients(&CONFIG);
        load(&clients).await.unwrap();
        assert_eq!(load(&clients).await.unwrap().name, "data_pipeline");
        replay.finish();
    }

    #[tokio::test]
    async fn polling_falls_back_to_the_usual() {
        let replay = Replay::new().s3_refuses("GET", "/workarea/config.ini", &[], 404, "NoSuchKey");
        assert_eq!(polling(&replay.clients(&CONFIG)).await, Polling::default());
        replay.finish();
    }
}
