-- Loads one batch into fact_db.card_transaction, which has a partition per batch and day.
-- Takes hiveconf bucket, batch_id, rejected_rows_allowed (0 if absent) and repeated_files: what becomes of a file that an
-- earlier batch has brought already: load (if absent), skip or refuse.
-- Promises: a batch is loaded only if every file has the expected header and no more lines are bad than allowed. Bad lines
-- go to rejected/ with file, position and reason. Whatever an earlier attempt of the same batch left is removed first, and
-- no other batch is touched. Loading a batch twice gives the same table as loading it once.

-- Where a line comes from: Hive resolves hivevar, Spark resolves both to its plain settings, and each has its own words.
SET hivevar:source_file=INPUT__FILE__NAME;
SET hivevar:source_position=BLOCK__OFFSET__INSIDE__FILE;
SET source_file=input_file_name();
SET source_position=input_file_block_start() + monotonically_increasing_id() % 8589934592;
-- A batch may bring many days at once.
SET hive.exec.dynamic.partition.mode=nonstrict;
SET hive.exec.max.dynamic.partitions=10000;
SET hive.exec.max.dynamic.partitions.pernode=10000;
SET hive.strict.checks.cartesian.product=false;
SET hive.cli.print.header=true;
-- As in Hive, a value that does not convert is NULL. The checks below reject it first.
SET spark.sql.ansi.enabled=false;
SET spark.sql.hive.convertMetastoreOrc=false;

SELECT assert_true('${hiveconf:batch_id}' RLIKE '^[A-Za-z0-9][A-Za-z0-9._-]*$') AS batch_id_is_usable;

ALTER TABLE stg_fact_db.card_transaction ADD IF NOT EXISTS PARTITION (batch_id = '${hiveconf:batch_id}');

-- What an earlier attempt of this batch has loaded is no earlier delivery.
ALTER TABLE stg_fact_db.card_transaction_delivered DROP IF EXISTS PARTITION (batch_id = '${hiveconf:batch_id}');

-- Every line of the batch, with types and a verdict.
WITH landed AS (
  SELECT
    transaction_id,
    authorised_at,
    card_number,
    merchant_name,
    merchant_category,
    country_code,
    currency_code,
    amount,
    status,
    note,
    surplus,
    CONCAT_WS('\u0001', transaction_id, authorised_at, card_number, merchant_name, merchant_category, country_code, currency_code, amount, status, note, surplus) AS whole_line,
    ${hivevar:source_file} AS source_file,
    ${hivevar:source_position} AS source_position
  FROM stg_fact_db.card_transaction
  WHERE batch_id = '${hiveconf:batch_id}'
),
compared AS (
  SELECT
    landed.*,
    CASE
      WHEN REGEXP_REPLACE(REPLACE(LOWER(whole_line), '\u0001', ','), '[^a-z0-9_,]', '')
        = 'transaction_id,authorised_at,card_number,merchant_name,merchant_category,country_code,currency_code,amount,status,note'
      THEN 'header' ELSE 'row'
    END AS line_kind
  FROM landed
),
judged AS (
  SELECT
    compared.*,
    CASE
      WHEN line_kind = 'header' THEN ''
      WHEN source_position = 0 THEN 'the first line is not the expected header'
      WHEN note IS NULL THEN 'too few columns, or a quote that is not closed'
      WHEN surplus IS NOT NULL THEN 'too many columns'
      WHEN INSTR(whole_line, '\uFFFD') > 0 THEN 'not UTF-8'
      ELSE CONCAT_WS(', ',
        CASE WHEN transaction_id NOT RLIKE '^[0-9]{1,18}$' THEN 'transaction_id is not a whole number' END,
        CASE WHEN COALESCE(CAST(CAST(authorised_at AS timestamp) AS string), '') <> authorised_at THEN 'authorised_at is not a time like 2026-11-18 09:30:00' END,
        CASE WHEN card_number NOT RLIKE '^[0-9]{6}[*]{6}[0-9]{4}$' THEN 'card_number is not masked as 400000******1234' END,
        CASE WHEN merchant_name = '' THEN 'merchant_name is empty' END,
        CASE WHEN merchant_category NOT RLIKE '^[0-9]{4}$' THEN 'merchant_category is not four digits' END,
        CASE WHEN country_code NOT RLIKE '^[A-Z]{2}$' THEN 'country_code is not two capitals' END,
        CASE WHEN currency_code NOT RLIKE '^[A-Z]{3}$' THEN 'currency_code is not three capitals' END,
        CASE WHEN amount NOT RLIKE '^-?[0-9]{1,16}([.][0-9]{1,2})?$' THEN 'amount is not a number with at most 16 digits and two decimals' END,
        CASE WHEN status NOT IN ('SETTLED', 'DECLINED', 'REFUNDED') THEN 'status is none of SETTLED, DECLINED, REFUNDED' END)
    END AS reason
  FROM compared
)
INSERT OVERWRITE TABLE stg_fact_db.card_transaction_checked
SELECT
  CAST(transaction_id AS bigint),
  CAST(authorised_at AS timestamp),
  card_number,
  merchant_name,
  merchant_category,
  country_code,
  currency_code,
  CAST(amount AS decimal(18,2)),
  status,
  CASE WHEN note <> '' THEN note END,
  SUBSTR(authorised_at, 1, 10),
  source_file,
  source_position,
  line_kind,
  reason,
  CASE WHEN reason <> '' THEN CONCAT('\"', REPLACE(REPLACE(whole_line, '\"', '\"\"'), '\u0001', '\",\"'), '\"') END
FROM judged;

-- A heading comes first, because Hive leaves what was there when an overwrite has no row to write.
INSERT OVERWRITE DIRECTORY 's3://${hiveconf:bucket}/rejected/fact/card_transaction/batch_id=${hiveconf:batch_id}'
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t'
STORED AS TEXTFILE
SELECT source_file, source_position, reason, rejected_line
FROM (
  SELECT '#file' AS source_file, 'position' AS source_position, 'reason' AS reason, 'line' AS rejected_line
  FROM stg_fact_db.card_transaction_figures
  UNION ALL
  SELECT source_file, CAST(source_position AS string), reason, rejected_line
  FROM stg_fact_db.card_transaction_checked
  WHERE reason <> ''
) listing
ORDER BY source_file, source_position;

-- For the log of the step: the figures that are judged next, and the first reasons. Never the rows themselves.
SELECT * FROM stg_fact_db.card_transaction_figures;
SELECT source_file, source_position, reason FROM stg_fact_db.card_transaction_checked WHERE reason <> '' LIMIT 20;

SELECT assert_true(figures.lines = staged.lines) AS every_line_was_judged
FROM stg_fact_db.card_transaction_figures figures
CROSS JOIN (SELECT COUNT(*) AS lines FROM stg_fact_db.card_transaction WHERE batch_id = '${hiveconf:batch_id}') staged;

SELECT assert_true(files_without_header = 0) AS every_file_has_the_expected_header
FROM stg_fact_db.card_transaction_figures;

SELECT assert_true(rows_rejected <=
    CASE
      WHEN '${hiveconf:rejected_rows_allowed}' RLIKE '^[0-9]{1,9}$' THEN CAST('${hiveconf:rejected_rows_allowed}' AS bigint)
      ELSE 0
    END) AS no_more_rows_are_rejected_than_allowed
FROM stg_fact_db.card_transaction_figures;

SELECT source_file AS file_that_was_delivered_before, delivered_in FROM stg_fact_db.card_transaction_repeated LIMIT 20;

SELECT assert_true('${hiveconf:repeated_files}' <> 'refuse' OR COUNT(*) = 0) AS no_file_was_delivered_before
FROM stg_fact_db.card_transaction_repeated;

-- Forget what an earlier attempt of this batch published, then delete its files. Dropping the partition of an external
-- table keeps them, and an overwrite would add to what it finds there. Hive clears a folder only if it has a row to write.
ALTER TABLE fact_db.card_transaction DROP IF EXISTS PARTITION (batch_id = '${hiveconf:batch_id}');

INSERT OVERWRITE DIRECTORY 's3://${hiveconf:bucket}/prod/fact/card_transaction/batch_id=${hiveconf:batch_id}'
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t'
STORED AS TEXTFILE
SELECT 'emptied before the load' FROM stg_fact_db.card_transaction_figures;

INSERT OVERWRITE TABLE fact_db.card_transaction PARTITION (batch_id = '${hiveconf:batch_id}', date_id)
SELECT transaction_id, authorised_at, card_number, merchant_name, merchant_category, country_code, currency_code, amount, status, note, date_id
FROM stg_fact_db.card_transaction_checked checked
LEFT JOIN (
  SELECT source_file AS skipped_file FROM stg_fact_db.card_transaction_repeated WHERE '${hiveconf:repeated_files}' = 'skip'
) skipped ON checked.source_file = skipped.skipped_file
WHERE line_kind = 'row' AND reason = '' AND skipped_file IS NULL;

SELECT assert_true(figures.rows_staged = loaded.rows_loaded + figures.rows_rejected + skipped.rows_skipped) AS rows_staged_are_rows_loaded_and_rows_rejected
FROM stg_fact_db.card_transaction_figures figures
CROSS JOIN (SELECT COUNT(*) AS rows_loaded FROM fact_db.card_transaction WHERE batch_id = '${hiveconf:batch_id}') loaded
CROSS JOIN (SELECT COALESCE(SUM(good_rows), 0) AS rows_skipped FROM stg_fact_db.card_transaction_repeated WHERE '${hiveconf:repeated_files}' = 'skip') skipped;

-- What the mail and the summary say about this load, as one line of JSON.
INSERT OVERWRITE DIRECTORY 's3://${hiveconf:bucket}/runs/batch_id=${hiveconf:batch_id}/fact.card_transaction.counts'
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t'
STORED AS TEXTFILE
SELECT CONCAT(
    '{\"Table\":\"fact.card_transaction\",\"BatchId\":\"${hiveconf:batch_id}\",\"Files\":', CAST(figures.files AS string),
    ',\"RowsStaged\":', CAST(figures.rows_staged AS string),
    ',\"RowsLoaded\":', CAST(loaded.rows_loaded AS string),
    ',\"RowsRejected\":', CAST(figures.rows_rejected AS string),
    ',\"FilesRepeated\":', CAST(repeated.files_repeated AS string),
    ',\"RowsSkipped\":', CAST(figures.rows_staged - figures.rows_rejected - loaded.rows_loaded AS string), '}')
FROM stg_fact_db.card_transaction_figures figures
CROSS JOIN (SELECT COUNT(*) AS rows_loaded FROM fact_db.card_transaction WHERE batch_id = '${hiveconf:batch_id}') loaded
CROSS JOIN (SELECT COUNT(*) AS files_repeated FROM stg_fact_db.card_transaction_repeated) repeated;

-- For the batches to come. After this the files of this batch count as delivered.
INSERT OVERWRITE TABLE stg_fact_db.card_transaction_delivered PARTITION (batch_id = '${hiveconf:batch_id}')
SELECT source_file, fingerprint FROM stg_fact_db.card_transaction_files;

-- The files go on to the archive, the partition would point at nothing.
ALTER TABLE stg_fact_db.card_transaction DROP IF EXISTS PARTITION (batch_id = '${hiveconf:batch_id}');
