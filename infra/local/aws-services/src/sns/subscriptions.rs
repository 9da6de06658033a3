//! Subscriptions: e-mail addresses, which here are only written down with each message. [`super::Sns::call`] comes here.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Request, Sns, Subscription, Topic, invalid, no_such_topic};
use crate::failure::ServiceError;

impl Sns {
    /// Nobody has to confirm anything here: a subscription counts at once.
    pub(super) fn subscribe(&self, request: &Request<'_>) -> Result<Value, ServiceError> {
        request.refuse(&["Attributes"])?;
        let topic_arn = request.required("TopicArn")?;
        let protocol = request.required("Protocol")?;
        let endpoint = request.required("Endpoint")?;
        match protocol {
            "email" | "email-json" if endpoint.contains('@') => {}
            "email" | "email-json" => return Err(invalid("Email address")),
            other => {
                return Err(invalid(&format!(
                    "Protocol Reason: the local runtime delivers to email and email-json, not to {other}"
                )));
            }
        }
        let id = self.context.entropy.uuid();
        let mut subscription_arn = format!("{topic_arn}:{id}");
        self.change(topic_arn, |topic| {
            let same = |subscription: &&Subscription| {
                subscription.protocol == protocol && subscription.endpoint == endpoint
            };
            if let Some(existing) = topic.subscriptions.iter().find(same) {
                subscription_arn.clone_from(&existing.arn);
                return;
            }
            topic.subscriptions.push(Subscription {
                arn: subscription_arn.clone(),
                protocol: protocol.to_owned(),
                endpoint: endpoint.to_owned(),
            });
        })?;
        Ok(json!({"SubscriptionArn": subscription_arn}))
    }

    pub(super) fn unsubscribe(&self, request: &Request<'_>) -> Result<Value, ServiceError> {
        let arn = request.required("SubscriptionArn")?;
        let Some((topic_arn, _)) = arn.rsplit_once(':') else {
            return Err(invalid("SubscriptionArn"));
        };
        if !self.state.lock().topics.contains_key(topic_arn) {
            return Ok(Value::Null);
        }
        self.change(topic_arn, |topic| {
            topic
                .subscriptions
                .retain(|subscription| subscription.arn != arn)
        })
    }

    pub(super) fn list_subscriptions(&self, request: &Request<'_>) -> Result<Value, ServiceError> {
        let all = self
            .state
            .lock()
            .topics
            .values()
            .flat_map(|topic| self.shown(topic))
            .collect();
        let (page, next) = request.page(all)?;
        Ok(json!({"Subscriptions": page, "NextToken": next}))
    }

    pub(super) fn list_subscriptions_by_topic(
        &self,
        request: &Request<'_>,
    ) -> Result<Value, ServiceError> {
        let all = {
            let state = self.state.lock();
            self.shown(
                state
                    .topics
                    .get(request.required("TopicArn")?)
                    .ok_or_else(no_such_topic)?,
            )
        };
        let (page, next) = request.page(all)?;
        Ok(json!({"Subscriptions": page, "NextToken": next}))
    }

    pub(super) fn get_subscription_attributes(
        &self,
        request: &Request<'_>,
    ) -> Result<Value, ServiceError> {
        let arn = request.required("SubscriptionArn")?;
        let state = self.state.lock();
        let found = state
            .topics
            .values()
            .flat_map(|topic| self.shown(topic))
            .find(|subscription| subscription["SubscriptionArn"] == arn);
        match found {
            Some(Value::Object(mut attributes)) => {
                attributes.insert("PendingConfirmation".into(), "false".into());
                Ok(json!({"Attributes": attributes}))
            }
            _ => Err(ServiceError::new("NotFound", "Subscription does not exist")
                .with_status(StatusCode::NOT_FOUND)),
        }
    }

    fn shown(&self, topic: &Topic) -> Vec<Value> {
        let shown = |subscription: &Subscription| {
            json!({
                "SubscriptionArn": subscription.arn,
                "Owner": self.context.account,
                "Protocol": subscription.protocol,
                "Endpoint": subscription.endpoint,
                "TopicArn": topic.arn,
            })
        };
        topic.subscriptions.iter().map(shown).collect()
    }
}
