//! S3's REST protocol: requests as the `s3s` crate understands them, carried out by the operations of [`S3`].

use std::sync::Arc;

use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3Request, S3Response, S3Result};

use super::S3;
use super::convert::{
    self, Encoding, attributes_of, copy_range, etag, read_conditions, refuse, refuse_on_writes,
    time, write_condition,
};
use super::error::S3Error;
use super::list::ListRequest;
use super::objects::{ObjectHead, PutOptions};
use super::request::{self, Expectation};
use super::staging::Expected;
use crate::gateway::Body;

/// S3's page.
const PAGE: i32 = 1000;

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

fn done<T>(output: T) -> S3Result<S3Response<T>> {
    Ok(S3Response::new(output))
}

fn bytes(count: u64) -> i64 {
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

fn source_of(source: &CopySource) -> Result<(&str, &str), S3Error> {
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

fn page_size(max_keys: Option<i32>) -> Result<(i32, usize), S3Error> {
    let asked = max_keys.unwrap_or(PAGE);
    match usize::try_from(asked) {
        Ok(limit) => Ok((asked, limit)),
        Err(_) => Err(S3Error::InvalidArgument {
            message: "max-keys must be an integer between 0 and 2147483647".to_owned(),
        }),
    }
}

macro_rules! expected_of {
    ($input:expr) => {
        Expected {
            length: $input
                .content_length
                .and_then(|length| u64::try_from(length).ok()),
            md5: $input.content_md5.clone(),
            crc32: $input.checksum_crc32.clone(),
            crc32c: $input.checksum_crc32c.clone(),
            crc64nvme: $input.checksum_crc64nvme.clone(),
            sha1: $input.checksum_sha1.clone(),
            sha256: $input.checksum_sha256.clone(),
        }
    };
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
        let input = req.input;
        refuse_on_writes!(input);
        let upload_id = self
            .0
            .begin_upload(&input.bucket, &input.key, attributes_of!(input))?;
        done(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            ..CreateMultipartUploadOutput::default()
        })
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let mut input = req.input;
        self.0.check_upload(
            &input.bucket,
            &input.key,
            &input.upload_id,
            input.part_number,
        )?;
        let expected = expected_of!(input);
        let body = input
            .body
            .take()
            .unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
        let staged = self.0.staging.stream(body, expected).await?;
        let part = self.0.add_part(
            &input.bucket,
            &input.key,
            &input.upload_id,
            input.part_number,
            &staged,
        )?;
        done(UploadPartOutput {
            e_tag: Some(ETag::Strong(part.etag)),
            ..UploadPartOutput::default()
        })
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = req.input;
        self.0.check_upload(
            &input.bucket,
            &input.key,
            &input.upload_id,
            input.part_number,
        )?;
        let (bucket, key) = source_of(&input.copy_source)?;
        let conditions = read_conditions(
            input.copy_source_if_match.as_ref(),
            input.copy_source_if_none_match.as_ref(),
            input.copy_source_if_modified_since.as_ref(),
            input.copy_source_if_unmodified_since.as_ref(),
        )?;
        let found = self.0.find(bucket, key)?;
        conditions.check(bucket, key, &found.record)?;
        let range = match &input.copy_source_range {
            Some(range) => copy_range(range, found.record.size)?,
            None => 0..found.record.size,
        };
        let staged = self.0.staging.files(&[(found.path, range)])?;
        let part = self.0.add_part(
            &input.bucket,
            &input.key,
            &input.upload_id,
            input.part_number,
            &staged,
        )?;
        done(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult {
                e_tag: Some(ETag::Strong(part.etag)),
                last_modified: Some(time(part.last_modified)),
                ..CopyPartResult::default()
            }),
            ..UploadPartCopyOutput::default()
        })
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let condition = write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let parts = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default();
        let parts: Vec<(i32, Option<String>)> = parts
            .into_iter()
            .map(|part| {
                (
                    part.part_number.unwrap_or_default(),
                    part.e_tag.map(ETag::into_value),
                )
            })
            .collect();
        let head = self.0.complete_upload(
            &input.bucket,
            &input.key,
            &input.upload_id,
            &parts,
            &condition,
        )?;
        done(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(etag(&head)),
            ..CompleteMultipartUploadOutput::default()
        })
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        self.0
            .abort_upload(&input.bucket, &input.key, &input.upload_id)?;
        done(AbortMultipartUploadOutput::default())
    }

    async fn list_parts(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        let upload = self.0.upload(&input.bucket, &input.key, &input.upload_id)?;
        let after = input.part_number_marker.unwrap_or(0);
        let (max_parts, limit) = page_size(input.max_parts)?;
        let mut rest = upload.parts.range(after + 1..);
        let parts: Vec<Part> = rest
            .by_ref()
            .take(limit)
            .map(|(number, part)| Part {
                part_number: Some(*number),
                e_tag: Some(ETag::Strong(part.etag.clone())),
                size: Some(bytes(part.size)),
                last_modified: Some(time(part.last_modified)),
                ..Part::default()
            })
            .collect();
        let truncated = rest.next().is_some();
        done(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            max_parts: Some(max_parts),
            part_number_marker: Some(after),
            next_part_number_marker: parts
                .last()
                .and_then(|part| part.part_number)
                .filter(|_| truncated),
            is_truncated: Some(truncated),
            parts: Some(parts),
            ..ListPartsOutput::default()
        })
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        refuse!(input, delimiter => "delimiter", key_marker => "key-marker", upload_id_marker => "upload-id-marker");
        let encoding = Encoding::asked(input.encoding_type.as_ref());
        let prefix = input.prefix.clone().unwrap_or_default();
        let uploads = self.0.uploads(&input.bucket, &prefix)?;
        let uploads = uploads.into_iter().map(|(id, upload)| MultipartUpload {
            key: Some(encoding.write(&upload.key)),
            upload_id: Some(id),
            initiated: Some(time(upload.initiated)),
            ..MultipartUpload::default()
        });
        done(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: input.prefix,
            encoding_type: input.encoding_type,
            is_truncated: Some(false),
            max_uploads: Some(PAGE),
            uploads: Some(uploads.collect()),
            ..ListMultipartUploadsOutput::default()
        })
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
