//! Multipart uploads in S3's protocol, for [`super::wire`].

use s3s::dto::*;
use s3s::{S3Response, S3Result};

use super::S3;
use super::convert::{
    Encoding, attributes_of, copy_range, etag, expected_of, read_conditions, refuse,
    refuse_on_writes, time, write_condition,
};
use super::wire::{PAGE, bytes, done, page_size, source_of};

impl S3 {
    pub(super) async fn wire_create_multipart_upload(
        &self,
        input: CreateMultipartUploadInput,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        refuse_on_writes!(input);
        let upload_id = self.begin_upload(&input.bucket, &input.key, attributes_of!(input))?;
        done(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(super) async fn wire_upload_part(
        &self,
        mut input: UploadPartInput,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.check_upload(
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
        let staged = self.staging.stream(body, expected).await?;
        let part = self.add_part(
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

    pub(super) async fn wire_upload_part_copy(
        &self,
        input: UploadPartCopyInput,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        self.check_upload(
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
        let found = self.find(bucket, key)?;
        conditions.check(bucket, key, &found.record)?;
        let range = match &input.copy_source_range {
            Some(range) => copy_range(range, found.record.size)?,
            None => 0..found.record.size,
        };
        let staged = self.staging.files(&[(found.path, range)])?;
        let part = self.add_part(
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

    pub(super) async fn wire_complete_multipart_upload(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
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
        let head = self.complete_upload(
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

    pub(super) async fn wire_abort_multipart_upload(
        &self,
        input: AbortMultipartUploadInput,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.abort_upload(&input.bucket, &input.key, &input.upload_id)?;
        done(AbortMultipartUploadOutput::default())
    }

    pub(super) async fn wire_list_parts(
        &self,
        input: ListPartsInput,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let upload = self.upload(&input.bucket, &input.key, &input.upload_id)?;
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

    pub(super) async fn wire_list_multipart_uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        refuse!(input, delimiter => "delimiter", key_marker => "key-marker", upload_id_marker => "upload-id-marker");
        let encoding = Encoding::asked(input.encoding_type.as_ref());
        let prefix = input.prefix.clone().unwrap_or_default();
        let uploads = self.uploads(&input.bucket, &prefix)?;
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
