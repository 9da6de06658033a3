-- Replaces dimension_db.currency by one batch, completely or not at all.
-- Takes hiveconf bucket, batch_id and rejected_rows_allowed (0 if absent).
-- Promises: a batch is loaded only if every file has the expected header, no key occurs twice and no more lines are bad
-- than allowed. Bad lines go to rejected/ with file, position and reason. The new version is built aside and published by
-- one change of location, so readers see the old one or the new one. A batch without a good row leaves the dimension as
-- it is. Loading a batch twice gives the same table as loading it once.

-- Where a line comes from: Hive resolves hivevar, Spark resolves both to its plain settings, and each has its own words.
SET hivevar:source_file=INPUT__FILE__NAME;
SET hivevar:source_position=BLOCK__OFFSET__INSIDE__FILE;
SET source_file=input_file_name();
SET source_position=input_file_block_start() + monotonically_increasing_id() % 8589934592;
SET hive.strict.checks.cartesian.product=false;
SET hive.cli.print.header=true;
-- As in Hive, a value that does not convert is NULL. The checks below reject it first.
SET spark.sql.ansi.enabled=false;
SET spark.sql.hive.convertMetastoreOrc=false;

SELECT assert_true('${hiveconf:batch_id}' RLIKE '^[A-Za-z0-9][A-Za-z0-9._-]*$') AS batch_id_is_usable;

ALTER TABLE stg_dimension_db.currency ADD IF NOT EXISTS PARTITION (batch_id = '${hiveconf:batch_id}');

-- Every line of the batch, with types and a verdict.
WITH landed AS (
  SELECT
    currency_code,
    numeric_code,
    currency_name,
    symbol,
    minor_unit,
    surplus,
    CONCAT_WS('\u0001', currency_code, numeric_code, currency_name, symbol, minor_unit, surplus) AS whole_line,
    ${hivevar:source_file} AS source_file,
    ${hivevar:source_position} AS source_position
  FROM stg_dimension_db.currency
  WHERE batch_id = '${hiveconf:batch_id}'
),
compared AS (
  SELECT
    landed.*,
    CASE
      WHEN REGEXP_REPLACE(REPLACE(LOWER(whole_line), '\u0001', ','), '[^a-z0-9_,]', '')
        = 'currency_code,numeric_code,currency_name,symbol,minor_unit'
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
      WHEN minor_unit IS NULL THEN 'too few columns, or a quote that is not closed'
      WHEN surplus IS NOT NULL THEN 'too many columns'
      WHEN INSTR(whole_line, '\uFFFD') > 0 THEN 'not UTF-8'
      ELSE CONCAT_WS(', ',
        CASE WHEN currency_code NOT RLIKE '^[A-Z]{3}$' THEN 'currency_code is not three capitals' END,
        CASE WHEN numeric_code NOT RLIKE '^[0-9]{3}$' THEN 'numeric_code is not three digits' END,
        CASE WHEN currency_name = '' THEN 'currency_name is empty' END,
        CASE WHEN minor_unit NOT RLIKE '^[0-4]$' THEN 'minor_unit is not a digit from 0 to 4' END)
    END AS reason
  FROM compared
)
INSERT OVERWRITE TABLE stg_dimension_db.currency_checked
SELECT
  currency_code,
  numeric_code,
  currency_name,
  CASE WHEN symbol <> '' THEN symbol END,
  CAST(minor_unit AS int),
  source_file,
  source_position,
  line_kind,
  reason,
  CASE WHEN reason <> '' THEN CONCAT('\"', REPLACE(REPLACE(whole_line, '\"', '\"\"'), '\u0001', '\",\"'), '\"') END
FROM judged;

-- A heading comes first, because Hive leaves what was there when an overwrite has no row to write.
INSERT OVERWRITE DIRECTORY 's3://${hiveconf:bucket}/rejected/dimension/currency/batch_id=${hiveconf:batch_id}'
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t'
STORED AS TEXTFILE
SELECT source_file, source_position, reason, rejected_line
FROM (
  SELECT '#file' AS source_file, 'position' AS source_position, 'reason' AS reason, 'line' AS rejected_line
  FROM stg_dimension_db.currency_figures
  UNION ALL
  SELECT source_file, CAST(source_position AS string), reason, rejected_line
  FROM stg_dimension_db.currency_checked
  WHERE reason <> ''
) listing
ORDER BY source_file, source_position;

-- For the log of the step: the figures that are judged next, and the first reasons. Never the rows themselves.
SELECT * FROM stg_dimension_db.currency_figures;
SELECT source_file, source_position, reason FROM stg_dimension_db.currency_checked WHERE reason <> '' LIMIT 20;

SELECT assert_true(figures.lines = staged.lines) AS every_line_was_judged
FROM stg_dimension_db.currency_figures figures
CROSS JOIN (SELECT COUNT(*) AS lines FROM stg_dimension_db.currency WHERE batch_id = '${hiveconf:batch_id}') staged;

SELECT assert_true(files_without_header = 0) AS every_file_has_the_expected_header
FROM stg_dimension_db.currency_figures;

SELECT assert_true(rows_rejected <=
    CASE
      WHEN '${hiveconf:rejected_rows_allowed}' RLIKE '^[0-9]{1,9}$' THEN CAST('${hiveconf:rejected_rows_allowed}' AS bigint)
      ELSE 0
    END) AS no_more_rows_are_rejected_than_allowed
FROM stg_dimension_db.currency_figures;

SELECT assert_true(COUNT(*) = COUNT(DISTINCT currency_code)) AS no_currency_code_occurs_twice
FROM stg_dimension_db.currency_checked
WHERE line_kind = 'row' AND reason = '';

-- Build the new version aside: the good rows, or without any the rows that are there.
ALTER TABLE stg_dimension_db.currency_next SET LOCATION 's3://${hiveconf:bucket}/prod/dimension/currency/batch_id=${hiveconf:batch_id}';

INSERT OVERWRITE TABLE stg_dimension_db.currency_next
SELECT currency_code, numeric_code, currency_name, symbol, minor_unit
FROM (
  SELECT currency_code, numeric_code, currency_name, symbol, minor_unit
  FROM stg_dimension_db.currency_checked
  WHERE line_kind = 'row' AND reason = ''
  UNION ALL
  SELECT currency_code, numeric_code, currency_name, symbol, minor_unit
  FROM dimension_db.currency
  CROSS JOIN stg_dimension_db.currency_figures figures
  WHERE figures.rows_staged = figures.rows_rejected
) version
ORDER BY currency_code;

SELECT assert_true(
    CASE
      WHEN figures.rows_staged > figures.rows_rejected THEN figures.rows_staged = built.rows_built + figures.rows_rejected
      ELSE built.rows_built = published.rows_published
    END) AS rows_staged_are_rows_loaded_and_rows_rejected
FROM stg_dimension_db.currency_figures figures
CROSS JOIN (SELECT COUNT(*) AS rows_built FROM stg_dimension_db.currency_next) built
CROSS JOIN (SELECT COUNT(*) AS rows_published FROM dimension_db.currency) published;

-- Publish.
ALTER TABLE dimension_db.currency SET LOCATION 's3://${hiveconf:bucket}/prod/dimension/currency/batch_id=${hiveconf:batch_id}';

-- What the mail and the summary say about this load, as one line of JSON.
INSERT OVERWRITE DIRECTORY 's3://${hiveconf:bucket}/runs/batch_id=${hiveconf:batch_id}/dimension.currency.counts'
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t'
STORED AS TEXTFILE
SELECT CONCAT(
    '{\"Table\":\"dimension.currency\",\"BatchId\":\"${hiveconf:batch_id}\",\"Files\":', CAST(figures.files AS string),
    ',\"RowsStaged\":', CAST(figures.rows_staged AS string),
    ',\"RowsLoaded\":', CAST(figures.rows_staged - figures.rows_rejected AS string),
    ',\"RowsRejected\":', CAST(figures.rows_rejected AS string), '}')
FROM stg_dimension_db.currency_figures figures;

-- The files go on to the archive, the partition would point at nothing.
ALTER TABLE stg_dimension_db.currency DROP IF EXISTS PARTITION (batch_id = '${hiveconf:batch_id}');
