//! The state-info document: which run holds the pipeline, and which cluster it has. It is also the run lock. Here its text;
//! `state_info_store` has its conditional reads and writes.

use serde::{Deserialize, Serialize};

use crate::shared::identifiers::{BatchId, ClusterId, ExecutionArn};

/// Reserved before a cluster is launched.
pub(crate) const RESERVED: &str = "RESERVED";
/// Completed with the cluster's id.
pub(crate) const LAUNCHED: &str = "LAUNCHED";

/// Who holds the pipeline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StateInfo {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cluster_id: Option<ClusterId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) batch_id: Option<BatchId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) execution_arn: Option<ExecutionArn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) written_at: Option<String>,
}

/// What is in the document's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Document(StateInfo),
    /// Nothing but white space: how the original flow removed it.
    Empty,
    /// Neither; the text says why.
    Garbage(String),
}

impl Content {
    /// Reads a document, or the older format: a bare cluster id.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::Garbage("it is no UTF-8".to_owned());
        };
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Self::Empty;
        }
        if !text.starts_with('{') {
            return match ClusterId::parse(text.trim_matches('"')) {
                Ok(cluster) => Self::Document(StateInfo {
                    cluster_id: Some(cluster),
                    ..StateInfo::default()
                }),
                Err(problem) => Self::Garbage(problem),
            };
        }
        match serde_json::from_str::<StateInfo>(text) {
            Ok(document) if document.cluster_id.is_none() && document.execution_arn.is_none() => {
                Self::Garbage("it names neither a cluster nor an execution".to_owned())
            }
            Ok(document) => Self::Document(document),
            Err(error) => Self::Garbage(error.to_string()),
        }
    }
}

impl StateInfo {
    /// The document's text.
    pub(crate) fn text(&self) -> String {
        // Strings alone cannot fail to become JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The holder in words, for the one who is refused.
    pub(crate) fn holder(&self) -> String {
        let mut parts = Vec::new();
        match &self.execution_arn {
            Some(execution) => parts.push(format!("execution {execution}")),
            None => parts.push("a run without an execution, as one started by hand".to_owned()),
        }
        if let Some(cluster) = &self.cluster_id {
            parts.push(format!("cluster {cluster}"));
        }
        if let Some(batch) = &self.batch_id {
            parts.push(format!("batch {batch}"));
        }
        if let Some(since) = &self.written_at {
            parts.push(format!("since {since}"));
        }
        parts.join(", ")
    }

    /// What the document says of where the run is, spelled for documents that do not say.
    pub(crate) fn status(&self) -> &str {
        match &self.status {
            Some(status) => status,
            None if self.cluster_id.is_some() => LAUNCHED,
            None => RESERVED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn garbage(bytes: &[u8]) -> bool {
        matches!(Content::read(bytes), Content::Garbage(_))
    }

    #[test]
    fn s7_truncated_misshapen_and_foreign_texts_are_garbage() {
        assert!(garbage(b"{\"ClusterId\": \"j-1"));
        assert!(garbage(b"{\"ClusterId\": \"i-1\"}"));
        assert!(garbage(b"{\"Other\": 1}"));
        assert!(garbage(b"cluster"));
        assert!(garbage(b"[]"));
        assert!(garbage(&[0xff, 0xfe]));
        assert_eq!(Content::read(b" \n"), Content::Empty);
        assert_eq!(Content::read("\u{feff}\r\n".as_bytes()), Content::Empty);
    }

    #[test]
    fn x6_the_older_format_is_a_bare_cluster_id() {
        for text in [
            "j-2AXXXXXXGAPLF",
            "j-2AXXXXXXGAPLF\n",
            "\u{feff}j-2AXXXXXXGAPLF\r\n",
            "\"j-2AXXXXXXGAPLF\"",
        ] {
            let Content::Document(document) = Content::read(text.as_bytes()) else {
                panic!("{text:?}");
            };
            assert_eq!(
                document.cluster_id.as_ref().map(ClusterId::as_str),
                Some("j-2AXXXXXXGAPLF")
            );
            assert_eq!(document.status(), LAUNCHED);
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let document = StateInfo {
            execution_arn: Some(
                ExecutionArn::parse("arn:aws:states:us-east-1:1:execution:master:one").unwrap(),
            ),
            batch_id: Some(BatchId::parse("B1").unwrap()),
            status: Some(RESERVED.to_owned()),
            written_at: Some("2026-11-21T02:00:00Z".to_owned()),
            cluster_id: None,
        };
        assert_eq!(
            Content::read(document.text().as_bytes()),
            Content::Document(document)
        );
    }
}
