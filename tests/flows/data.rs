//! The fault matrix, "Steps and data", its data: bad rows, empty files, late, repeated and corrected ones.

use anyhow::Result;
use aws_services::emr::Moment;
use serde_json::json;

use crate::harness::Pipeline;
use crate::small_batches::{
    COUNTRY_HEADER, LANDING_COUNTRY, LANDING_TRANSFERS, countries, transfer, transfers,
};
use crate::strikes::{Strikes, fail_step};

/// Loads countries of which `bad` lines are bad, with so many allowed.
async fn with_bad_rows(bad: &str, allowed: &str) -> Result<(Pipeline, bool)> {
    let (pipeline, _) = Strikes::pipeline_with([], |options| {
        options
            .parameters
            .insert("RejectedRowsAllowed".to_owned(), allowed.to_owned());
    })
    .await?;
    pipeline
        .put(LANDING_COUNTRY, &format!("{}{bad}", countries(3, "Good")))
        .await?;
    let outcome = pipeline.run(json!({"BatchId": "b1"})).await?;
    Ok((pipeline, outcome.succeeded()))
}

const BAD_ROWS: &str = "ZZ,ZZX,Too few,Town,Asia,USD\n\
    ZY,ZYX,Too many,Town,Asia,USD,1,2\n\
    ZX,ZXX,Bad number,Town,Asia,USD,many\n\
    ZW,ZWX,\"Open quote,Town,Asia,USD,1\n\
    ZV,ZVX,,Town,Asia,USD,1\n";

#[tokio::test]
async fn d12_bad_rows_up_to_the_threshold_are_rejected_with_file_line_and_reason_and_the_rest_loads()
-> Result<()> {
    let (pipeline, loaded) = with_bad_rows(BAD_ROWS, "5").await?;
    assert!(loaded, "{}", pipeline.last_mail());
    assert_eq!(pipeline.countries().await?, 3);
    let rejected = pipeline
        .content("rejected/dimension/country/batch_id=b1/")
        .await?;
    for reason in [
        "too few columns",
        "too many columns",
        "population is not a whole number",
        "country_name is empty",
    ] {
        assert!(rejected.contains(reason), "{reason}: {rejected}");
    }
    assert_eq!(rejected.matches("country.csv").count(), 5, "{rejected}");
    let mail = pipeline.last_mail();
    assert!(
        mail.contains("5 rows of dimension.country were rejected: s3://"),
        "{mail}"
    );
    pipeline.holds(1).await
}

#[tokio::test]
async fn d12_one_bad_row_more_than_allowed_fails_before_anything_is_published() -> Result<()> {
    let (pipeline, loaded) = with_bad_rows(BAD_ROWS, "4").await?;
    assert!(!loaded);
    assert_eq!(pipeline.countries().await?, 0);
    assert_eq!(
        pipeline.keys("prod/dimension/country/").await?,
        Vec::<String>::new()
    );
    let rejected = pipeline
        .content("rejected/dimension/country/batch_id=b1/")
        .await?;
    assert_eq!(
        rejected.matches("country.csv").count(),
        5,
        "they are listed all the same: {rejected}"
    );
    let mail = pipeline.last_mail();
    assert!(
        mail.contains("no_more_rows_are_rejected_than_allowed"),
        "{mail}"
    );
    assert!(!mail.contains("Open quote"), "no rows in the mail: {mail}");
    pipeline.holds(1).await
}

#[tokio::test]
async fn d13_marks_line_ends_gzip_and_empty_files_load_right() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let folder = "landing/dimension/country";
    pipeline
        .put(
            &format!("{folder}/bom-crlf.csv"),
            &format!("\u{feff}{COUNTRY_HEADER}\r\nAA,AAX,One,Town,Asia,USD,1\r\n"),
        )
        .await?;
    pipeline
        .put(
            &format!("{folder}/no-end.csv"),
            &format!("{COUNTRY_HEADER}\nBB,BBX,Two,Town,Asia,USD,2"),
        )
        .await?;
    pipeline
        .put(
            &format!("{folder}/header-only.csv"),
            &format!("{COUNTRY_HEADER}\n"),
        )
        .await?;
    pipeline.put(&format!("{folder}/empty.csv"), "").await?;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(
        &mut packed,
        format!("{COUNTRY_HEADER}\nCC,CCX,Three,Town,Asia,USD,3\n").as_bytes(),
    )?;
    let work = pipeline.runtime.clock().work();
    let bucket = pipeline.runtime.bucket()?;
    let s3 = &pipeline.runtime.services().s3;
    s3.put(
        bucket,
        &format!("{folder}/packed.csv.gz"),
        packed.finish()?,
        Default::default(),
    )
    .await?;
    drop(work);
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 3);
    pipeline.holds(1).await
}

#[tokio::test]
async fn d14_columns_that_were_added_removed_reordered_or_renamed_are_refused_by_name() -> Result<()>
{
    for header in [
        "country_code,alpha3_code,country_name,capital,region,currency_code,population,continent",
        "country_code,alpha3_code,country_name,capital,region,currency_code",
        "alpha3_code,country_code,country_name,capital,region,currency_code,population",
        "country_code,alpha3_code,name,capital,region,currency_code,population",
    ] {
        let pipeline = Pipeline::start().await?;
        pipeline
            .put(
                LANDING_COUNTRY,
                &countries(2, "Land").replace(COUNTRY_HEADER, header),
            )
            .await?;
        pipeline.fails("b1", "TablesFailed").await?;
        let mail = pipeline.last_mail();
        assert!(
            mail.contains("every_file_has_the_expected_header"),
            "{header}: {mail}"
        );
        assert_eq!(pipeline.countries().await?, 0, "{header}");
        let rejected = pipeline.content("rejected/dimension/country/").await?;
        assert!(
            rejected.contains("the first line is not the expected header"),
            "{header}: {rejected}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn d15_an_empty_dimension_batch_leaves_the_dimension_as_it_is() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    pipeline.load("b1").await?;
    pipeline
        .put(LANDING_COUNTRY, &format!("{COUNTRY_HEADER}\n"))
        .await?;
    pipeline.load("b2").await?;
    assert_eq!(pipeline.countries().await?, 3);
    pipeline.holds(2).await
}

#[tokio::test]
async fn d16_siblings_of_a_failed_dimension_finish_and_facts_are_named_by_whether_they_need_it()
-> Result<()> {
    let (pipeline, _) = Strikes::pipeline_with([], |options| {
        options.parameters.insert(
            "FactNeeds".to_owned(),
            "transfer_transaction=currency".to_owned(),
        );
    })
    .await?;
    pipeline.land_samples().await?;
    pipeline
        .put(LANDING_COUNTRY, "these,are,not\nthe,columns,wanted\n")
        .await?;
    pipeline.fails("b1", "TablesFailed").await?;
    let mail = pipeline.last_mail();
    assert!(
        mail.contains("they need a dimension that failed: card_transaction."),
        "{mail}"
    );
    assert!(
        mail.contains("they need no dimension that failed: transfer_transaction."),
        "{mail}"
    );
    assert_eq!(
        pipeline
            .value("SELECT COUNT(*) FROM dimension_db.currency")
            .await?,
        "47",
        "the sibling finished"
    );
    assert_eq!(pipeline.steps("load fact"), [], "no fact ran");
    pipeline.holds(1).await?;
    // What the mail offers.
    let facts = pipeline
        .run(json!({"BatchId": "b1", "StartFrom": "Facts", "Facts": ["transfer_transaction"]}))
        .await?;
    assert!(facts.succeeded(), "{facts:?}");
    assert_eq!(pipeline.transfers().await?, 301);
    Ok(())
}

/// Delivers the same file in two batches, and another with the second.
async fn delivered_twice(repeated_files: &str) -> Result<(Pipeline, bool)> {
    let (pipeline, _) = Strikes::pipeline_with([], |options| {
        options
            .parameters
            .insert("RepeatedFiles".to_owned(), repeated_files.to_owned());
    })
    .await?;
    pipeline.land_transfers().await?;
    pipeline.load("b1").await?;
    let folder = "landing/fact/transfer_transaction";
    pipeline
        .put(
            &format!("{folder}/again.csv"),
            &transfers(1..5, "2026-11-20"),
        )
        .await?;
    pipeline
        .put(
            &format!("{folder}/new.csv"),
            &transfers(8..10, "2026-11-20"),
        )
        .await?;
    let second = pipeline.run(json!({"BatchId": "b2"})).await?;
    Ok((pipeline, second.succeeded()))
}

#[tokio::test]
async fn d17_a_file_that_is_delivered_again_is_reported_and_loaded_skipped_or_refused_as_configured()
-> Result<()> {
    let (pipeline, loaded) = delivered_twice("load").await?;
    assert!(loaded, "{}", pipeline.last_mail());
    assert_eq!(pipeline.transfers().await?, 10);
    let mail = pipeline.last_mail();
    assert!(
        mail.contains("had been delivered before; they were loaded"),
        "{mail}"
    );

    let (pipeline, loaded) = delivered_twice("skip").await?;
    assert!(loaded, "{}", pipeline.last_mail());
    assert_eq!(pipeline.transfers().await?, 6);
    let mail = pipeline.last_mail();
    assert!(mail.contains("their 4 rows were left"), "{mail}");

    let (pipeline, loaded) = delivered_twice("refuse").await?;
    assert!(!loaded);
    assert_eq!(pipeline.transfers().await?, 4);
    let mail = pipeline.last_mail();
    assert!(mail.contains("no_file_was_delivered_before"), "{mail}");
    Ok(())
}

#[tokio::test]
async fn d17_a_batch_that_is_loaded_again_is_no_second_delivery() -> Result<()> {
    let (pipeline, _) = Strikes::pipeline_with([], |options| {
        options
            .parameters
            .insert("RepeatedFiles".to_owned(), "skip".to_owned());
    })
    .await?;
    pipeline.land_transfers().await?;
    fail_step(
        &pipeline,
        Moment::StepEnds("load fact transfer".to_owned()),
        "killed",
    );
    pipeline.fails("b1", "TablesFailed").await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.transfers().await?, 4);
    Ok(())
}

#[tokio::test]
async fn d18_late_rows_land_in_their_own_partitions_under_the_new_batch() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_transfers().await?;
    pipeline.load("b1").await?;
    pipeline
        .put(LANDING_TRANSFERS, &transfers(60..63, "2019-02-28"))
        .await?;
    pipeline.load("b2").await?;
    assert_eq!(pipeline.transfers().await?, 7);
    let late = "SELECT COUNT(*) FROM fact_db.transfer_transaction WHERE batch_id = 'b2' AND date_id = '2019-02-28'";
    assert_eq!(pipeline.value(late).await?, "3");
    Ok(())
}

#[tokio::test]
async fn d19_many_files_make_no_large_payloads() -> Result<()> {
    let (pipeline, strikes) = Strikes::pipeline([]).await?;
    for file in 0..250u32 {
        pipeline
            .put(
                &format!(
                    "landing/fact/transfer_transaction/{file:04}-{}.csv",
                    "x".repeat(180)
                ),
                &transfers(file..file + 1, "2026-11-20"),
            )
            .await?;
    }
    pipeline.load("b1").await?;
    assert_eq!(pipeline.transfers().await?, 250);
    // Every list that a machine asks for is bounded.
    assert_eq!(strikes.calls("ListObjectsV2", "\"MaxKeys\":1000"), 0);
    let largest = strikes.largest_request();
    assert!(largest < 100_000, "{largest} bytes");
    pipeline.holds(1).await
}

#[tokio::test]
async fn d20_two_batches_of_the_same_day_are_both_there() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    for (batch, ids) in [("b1", 1..5), ("b2", 10..13)] {
        pipeline
            .put(LANDING_TRANSFERS, &transfers(ids, "2026-11-20"))
            .await?;
        pipeline.load(batch).await?;
    }
    let count = |batch: &str| {
        format!("SELECT COUNT(*) FROM fact_db.transfer_transaction WHERE batch_id = '{batch}'")
    };
    assert_eq!(pipeline.value(&count("b1")).await?, "4");
    assert_eq!(pipeline.value(&count("b2")).await?, "3");
    Ok(())
}

#[tokio::test]
async fn d21_names_with_blanks_quotes_percent_signs_and_other_letters_arrive_unbroken() -> Result<()>
{
    let pipeline = Pipeline::start().await?;
    let folder = "landing/fact/transfer_transaction";
    for (number, name) in [
        "a b.csv",
        "50%20off.csv",
        "it's \"so\".csv",
        "Zürich–Genève.csv",
        "$HOME;x&y.csv",
        "back\\slash.csv",
    ]
    .iter()
    .enumerate()
    {
        let id = u32::try_from(number)? * 10;
        pipeline
            .put(
                &format!("{folder}/{name}"),
                &transfers(id..id + 2, "2026-11-20"),
            )
            .await?;
    }
    let batch = "2026-11-21T02-00-00Z_re.run-1";
    pipeline.load(batch).await?;
    assert_eq!(pipeline.transfers().await?, 12);
    assert_eq!(
        pipeline
            .keys(&format!(
                "archive/fact/transfer_transaction/batch_id={batch}/"
            ))
            .await?
            .len(),
        6
    );
    pipeline.holds(1).await
}

#[tokio::test]
async fn d22_a_batch_that_was_corrected_by_hand_after_a_partial_load_shows_exactly_the_corrected_rows()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    let text = format!(
        "{}{}{}",
        transfers(1..4, "2026-11-19"),
        transfer(4, "2026-11-20"),
        transfer(5, "2026-11-20")
    );
    pipeline.put(LANDING_TRANSFERS, &text).await?;
    fail_step(
        &pipeline,
        Moment::StepEnds("load fact transfer".to_owned()),
        "killed",
    );
    pipeline.fails("b1", "TablesFailed").await?;
    let staged = "staging/fact/transfer_transaction/batch_id=b1/transfers.csv";
    let corrected = transfers(1..4, "2026-11-19").replace("89.52", "10.00");
    pipeline.put(staged, &corrected).await?;
    pipeline.load("b1").await?;
    assert_eq!(
        pipeline.transfers().await?,
        3,
        "the rows of the day that was taken out are gone"
    );
    assert_eq!(
        pipeline
            .value("SELECT COUNT(DISTINCT date_id) FROM fact_db.transfer_transaction")
            .await?,
        "1"
    );
    assert_eq!(
        pipeline
            .value("SELECT MAX(amount) FROM fact_db.transfer_transaction")
            .await?,
        "10.00"
    );
    Ok(())
}
