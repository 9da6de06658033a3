//! S3's REST protocol: requests as the `s3s` crate understands them, carried out by the operations of [`S3`].

use std::sync::Arc;

use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3Request, S3Response, S3Result};

use super::S3;
use super::convert::{
    self, Encoding, attributes_of, etag, expected_of, read_conditions, refuse, refuse_on_writes,
    time, write_condition,
};
use super::error::S3Error;
use super::list::ListRequest;
use super::objects::{ObjectHead, PutOptions};
use super::request::{self, Expectation};
use crate::gateway::Body;

/// S3's page.
pub(super) const PAGE: i32 = 1000;

/// Answers one request.
pub(super) async fn answer(s3: &Arc<S3>, request: http::Request<Body>) -> http::Response<Body> {
    let service = S3ServiceBuilder::new(Wire(Arc::clone(s3))).build();
    let (request, expectation) = Expectation::of(request);
    let request = request::plain(request).map(s3s::Body::http_body_unsync);
    let mut response = match service.call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            let cause: s3s::StdError = error.into();
            tracing::error!(%cause, "the S3 protocol failed");
            let mut response = http::Response::new(Body::from(cause.to_string()));
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    };
    if expectation.was_cut_short() {
        let close = http::HeaderValue::from_static("close");
        response
            .headers_mut()
            .insert(http::header::CONNECTION, close);
    }
    response
}

struct Wire(Arc<S3>);

pub(super) fn done<T>(output: T) -> S3Result<S3Response<T>> {
    Ok(S3Response::new(output))
}

pub(super) fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Versions do not exist here; `null` names the only one.
fn only_version(version: Option<&String>) -> Result<(), S3Error> {
    match version {
        Some(version) if version != "null" => Err(S3Error::NotImplemented {
            what: "versionId".to_owned(),
        }),
        _ => Ok(()),
    }
}

pub(super) fn source_of(source: &CopySource) -> Result<(&str, &str), S3Error> {
    match source {
        CopySource::Bucket {
            bucket,
            key,
            version_id,
        } => {
            only_version(version_id.as_deref().map(str::to_owned).as_ref())?;
            Ok((bucket, key))
        }
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
            Err(S3Error::NotImplemented {
                what: "a copy source that is not bucket/key".to_owned(),
            })
        }
    }
}

fn summary(head: &ObjectHead, encoding: Encoding) -> Object {
    let class = head.attributes.storage_class.clone();
    Object {
        key: Some(encoding.write(&head.key)),
        e_tag: Some(etag(head)),
        size: Some(bytes(head.size)),
        last_modified: Some(time(head.last_modified)),
        storage_class: Some(class.map_or_else(
            || ObjectStorageClass::from_static("STANDARD"),
            ObjectStorageClass::from,
        )),
        ..Object::default()
    }
}

fn common(prefixes: &[String], encoding: Encoding) -> Option<Vec<CommonPrefix>> {
    let prefixes = prefixes.iter().map(|prefix| CommonPrefix {
        prefix: Some(encoding.write(prefix)),
    });
    let prefixes: Vec<CommonPrefix> = prefixes.collect();
    (!prefixes.is_empty()).then_some(prefixes)
}

pub(super) fn page_size(max_keys: Option<i32>) -> Result<(i32, usize), S3Error> {
    let asked = max_keys.unwrap_or(PAGE);
    match usize::try_from(asked) {
        Ok(limit) => Ok((asked, limit)),
        Err(_) => Err(S3Error::InvalidArgument {
            message: "max-keys must be an integer between 0 and 2147483647".to_owned(),
        }),
    }
}

/// Fills what GetObject and HeadObject have in common.
macro_rules! described {
    ($output:ident, $head:expr, $($field:ident: $value:expr),* $(,)?) => {{
        let attributes = &$head.attributes;
        $output {
            accept_ranges: Some("bytes".to_owned()),
            e_tag: Some(etag(&$head)),
            last_modified: Some(time($head.last_modified)),
            content_type: Some(
                attributes
                    .content_type
                    .clone()
                    .unwrap_or_else(|| "binary/octet-stream".to_owned()),
            ),
            content_encoding: attributes.content_encoding.clone(),
            content_disposition: attributes.content_disposition.clone(),
            content_language: attributes.content_language.clone(),
            cache_control: attributes.cache_control.clone(),
            server_side_encryption: attributes.server_side_encryption.clone().map(ServerSideEncryption::from),
            ssekms_key_id: attributes.kms_key_id.clone(),
            storage_class: attributes.storage_class.clone().map(StorageClass::from),
            metadata: convert::metadata(attributes),
            $($field: $value,)*
            ..$output::default()
        }
    }};
}

#[async_trait::async_trait]
impl s3s::S3 for Wire {
    async fn list_buckets(
        &self,
        req: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let prefix = req.input.prefix.clone().unwrap_or_default();
        let mut buckets = self.0.list_buckets().await;
        buckets.retain(|bucket| bucket.name.starts_with(&prefix));
        let shown = buckets.into_iter().map(|bucket| Bucket {
            name: Some(bucket.name),
            creation_date: Some(time(bucket.created)),
            bucket_region: Some(self.0.region.clone()),
        });
        done(ListBucketsOutput {
            buckets: Some(shown.collect()),
            prefix: req.input.prefix,
            owner: Some(Owner {
                display_name: None,
                id: Some("local".to_owned()),
            }),
            ..ListBucketsOutput::default()
        })
    }

    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let input = req.input;
        if input.object_lock_enabled_for_bucket == Some(true) {
            let what = "x-amz-bucket-object-lock-enabled".to_owned();
            return Err(S3Error::NotImplemented { what }.into());
        }
        let location = input
            .create_bucket_configuration
            .and_then(|configuration| configuration.location_constraint);
        let location = location
            .as_ref()
            .map_or("us-east-1", BucketLocationConstraint::as_str);
        if location != self.0.region {
            return Err(S3Error::IllegalLocation {
                location: location.to_owned(),
                region: self.0.region.clone(),
            }
            .into());
        }
        self.0.create_bucket(&input.bucket).await?;
        done(CreateBucketOutput {
            location: Some(format!("/{}", input.bucket)),
        })
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.0.head_bucket(&req.input.bucket).await?;
        done(HeadBucketOutput {
            bucket_region: Some(self.0.region.clone()),
            ..HeadBucketOutput::default()
        })
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.0.head_bucket(&req.input.bucket).await?;
        let region = self.0.region.clone();
        done(GetBucketLocationOutput {
            // The oldest region has no name here.
            location_constraint: (region != "us-east-1")
                .then(|| BucketLocationConstraint::from(region)),
        })
    }

    async fn get_bucket_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        self.0.head_bucket(&req.input.bucket).await?;
        done(GetBucketVersioningOutput::default())
    }

    async fn delete_bucket(
        &self,
        req: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.0.delete_bucket(&req.input.bucket).await?;
        done(DeleteBucketOutput::default())
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let encoding = Encoding::asked(input.encoding_type.as_ref());
        let (max_keys, limit) = page_size(input.max_keys)?;
        let listing = self
            .0
            .list(
                &input.bucket,
                &ListRequest {
                    prefix: input.prefix.clone().unwrap_or_default(),
                    delimiter: input.delimiter.clone().unwrap_or_default(),
                    after: match &input.continuation_token {
                        Some(token) => Some(from_token(token)?),
                        None => input.start_after.clone(),
                    },
                    limit: Some(limit),
                },
            )
            .await?;
        let count = listing.objects.len() + listing.common_prefixes.len();
        done(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(encoding.write(&input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(|delimiter| encoding.write(&delimiter)),
            start_after: input.start_after.map(|after| encoding.write(&after)),
            max_keys: Some(max_keys),
            key_count: i32::try_from(count).ok(),
            is_truncated: Some(listing.next.is_some()),
            continuation_token: input.continuation_token,
            next_continuation_token: listing.next.as_deref().map(to_token),
            contents: Some(
                listing
                    .objects
                    .iter()
                    .map(|head| summary(head, encoding))
                    .collect(),
            ),
            common_prefixes: common(&listing.common_prefixes, encoding),
            encoding_type: input.encoding_type,
            ..ListObjectsV2Output::default()
        })
    }

    async fn list_objects(
        &self,
        req: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input;
        let encoding = Encoding::asked(input.encoding_type.as_ref());
        let (max_keys, limit) = page_size(input.max_keys)?;
        let request = ListRequest {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: input.marker.clone(),
            limit: Some(limit),
        };
        let listing = self.0.list(&input.bucket, &request).await?;
        // Without a delimiter, S3 leaves it to the caller to take the last key.
        let next = listing
            .next
            .as_deref()
            .filter(|_| !request.delimiter.is_empty());
        done(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(encoding.write(&request.prefix)),
            delimiter: input.delimiter.map(|delimiter| encoding.write(&delimiter)),
            marker: Some(encoding.write(&input.marker.unwrap_or_default())),
            max_keys: Some(max_keys),
            is_truncated: Some(listing.next.is_some()),
            next_marker: next.map(|next| encoding.write(next)),
            contents: Some(
                listing
                    .objects
                    .iter()
                    .map(|head| summary(head, encoding))
                    .collect(),
            ),
            common_prefixes: common(&listing.common_prefixes, encoding),
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        })
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        only_version(input.version_id.as_ref())?;
        refuse!(input, part_number => "partNumber", sse_customer_algorithm => "x-amz-server-side-encryption-customer-algorithm");
        let conditions = read_conditions(
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
            input.if_modified_since.as_ref(),
            input.if_unmodified_since.as_ref(),
        )?;
        let range = input.range.map(convert::range);
        let object = self
            .0
            .get_with(&input.bucket, &input.key, range, &conditions)
            .await?;
        let head = object.head.clone();
        let (start, end) = (object.range.start, object.range.end);
        let content_range = range.map(|_| format!("bytes {start}-{}/{}", end - 1, head.size));
        let output = described!(GetObjectOutput, head,
            body: Some(StreamingBlob::wrap(object.into_stream())),
            content_length: Some(bytes(end - start)),
            content_range: content_range,
        );
        done(output)
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        only_version(input.version_id.as_ref())?;
        refuse!(input, part_number => "partNumber", range => "Range", sse_customer_algorithm => "x-amz-server-side-encryption-customer-algorithm");
        let conditions = read_conditions(
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
            input.if_modified_since.as_ref(),
            input.if_unmodified_since.as_ref(),
        )?;
        let object = self
            .0
            .get_with(&input.bucket, &input.key, None, &conditions)
            .await?;
        let head = object.head;
        done(described!(HeadObjectOutput, head, content_length: Some(bytes(head.size))))
    }

    async fn get_object_tagging(
        &self,
        req: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        only_version(req.input.version_id.as_ref())?;
        self.0.head(&req.input.bucket, &req.input.key).await?;
        done(GetObjectTaggingOutput::default())
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let mut input = req.input;
        refuse_on_writes!(input);
        refuse!(input, write_offset_bytes => "x-amz-write-offset-bytes");
        let options = PutOptions {
            condition: write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?,
            attributes: attributes_of!(input),
        };
        let expected = expected_of!(input);
        let body = input
            .body
            .take()
            .unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
        let head = self
            .0
            .put_expected(&input.bucket, &input.key, body, expected, options)
            .await?;
        done(PutObjectOutput {
            e_tag: Some(etag(&head)),
            server_side_encryption: input.server_side_encryption,
            ssekms_key_id: input.ssekms_key_id,
            ..PutObjectOutput::default()
        })
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        only_version(input.version_id.as_ref())?;
        refuse!(input, mfa => "x-amz-mfa", if_match_last_modified_time => "x-amz-if-match-last-modified-time", if_match_size => "x-amz-if-match-size");
        let condition = write_condition(input.if_match.as_ref(), None)?;
        self.0.delete(&input.bucket, &input.key, &condition).await?;
        done(DeleteObjectOutput::default())
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = req.input;
        refuse!(input, mfa => "x-amz-mfa");
        self.0.head_bucket(&input.bucket).await?;
        let quiet = input.delete.quiet == Some(true);
        if input.delete.objects.len() > 1000 {
            return Err(s3s::s3_error!(
                MalformedXML,
                "more than 1000 keys in one DeleteObjects"
            ));
        }
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in input.delete.objects {
            let condition = match &object.e_tag {
                Some(etag) => {
                    convert::write_condition(Some(&ETagCondition::ETag(etag.clone())), None)
                }
                None => Ok(super::Condition::Always),
            };
            let outcome = match (only_version(object.version_id.as_ref()), condition) {
                (Err(error), _) | (_, Err(error)) => Err(error),
                (Ok(()), Ok(condition)) => {
                    self.0.delete(&input.bucket, &object.key, &condition).await
                }
            };
            match outcome {
                Ok(_) => deleted.push(DeletedObject {
                    key: Some(object.key),
                    ..DeletedObject::default()
                }),
                Err(error) => errors.push(Error {
                    code: Some(error.code().to_owned()),
                    message: Some(error.to_string()),
                    key: Some(object.key),
                    version_id: object.version_id,
                }),
            }
        }
        done(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            errors: (!errors.is_empty()).then_some(errors),
            ..DeleteObjectsOutput::default()
        })
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        // This version of the protocol crate does not know the conditions on the target.
        let header = |name: &str| {
            req.headers
                .get(name)
                .map(|value| ETagCondition::parse_http_header(value.as_bytes()))
        };
        let wrong = |_| S3Error::InvalidArgument {
            message: "a condition of the copy is not an entity tag".to_owned(),
        };
        let if_match = header("if-match").transpose().map_err(wrong)?;
        let if_none_match = header("if-none-match").transpose().map_err(wrong)?;
        let condition = write_condition(if_match.as_ref(), if_none_match.as_ref())?;
        let input = req.input;
        refuse_on_writes!(input);
        refuse!(input, copy_source_sse_customer_algorithm => "x-amz-copy-source-server-side-encryption-customer-algorithm", tagging_directive => "x-amz-tagging-directive");
        let source = source_of(&input.copy_source)?;
        let replace = input
            .metadata_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == "REPLACE");
        if source == (input.bucket.as_str(), input.key.as_str()) && !replace {
            return Err(s3s::s3_error!(
                InvalidRequest,
                "this copy request is illegal because it is trying to copy an object to itself without changing its metadata"
            ));
        }
        let conditions = read_conditions(
            input.copy_source_if_match.as_ref(),
            input.copy_source_if_none_match.as_ref(),
            input.copy_source_if_modified_since.as_ref(),
            input.copy_source_if_unmodified_since.as_ref(),
        )?;
        let attributes = replace.then(|| attributes_of!(input));
        let target = (input.bucket.as_str(), input.key.as_str());
        let head = self
            .0
            .copy(source, target, &conditions, attributes, condition)
            .await?;
        done(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(etag(&head)),
                last_modified: Some(time(head.last_modified)),
                ..CopyObjectResult::default()
            }),
            ..CopyObjectOutput::default()
        })
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.0.wire_create_multipart_upload(req.input).await
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.0.wire_upload_part(req.input).await
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        self.0.wire_upload_part_copy(req.input).await
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.0.wire_complete_multipart_upload(req.input).await
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.0.wire_abort_multipart_upload(req.input).await
    }

    async fn list_parts(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        self.0.wire_list_parts(req.input).await
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.0.wire_list_multipart_uploads(req.input).await
    }
}

/// Continuation tokens are opaque to callers; here they are the last key, encoded.
fn to_token(key: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key)
}

fn from_token(token: &str) -> Result<String, S3Error> {
    use base64::Engine as _;
    let wrong = || S3Error::InvalidArgument {
        message: "the continuation token provided is incorrect".to_owned(),
    };
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|_| wrong())?;
    String::from_utf8(bytes).map_err(|_| wrong())
}
