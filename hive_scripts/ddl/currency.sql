-- Declares everything that loading currency needs. Running it again changes nothing.
-- stg_dimension_db.currency          the landed CSV as it is, every column a string, header lines included
-- stg_dimension_db.currency_checked  the batch at hand with types, each line judged
-- stg_dimension_db.currency_figures  what the load decides on, as one row
-- stg_dimension_db.currency_next     the version that is being built
-- dimension_db.currency              what readers see, always the last complete version
--
-- The Hive command line splits a script at semicolons before it parses it. So comments start in the first column,
-- and a double quote inside a string is written with a backslash.

CREATE DATABASE IF NOT EXISTS stg_dimension_db LOCATION 's3://${hiveconf:bucket}/staging/dimension';

CREATE DATABASE IF NOT EXISTS dimension_db LOCATION 's3://${hiveconf:bucket}/prod/dimension';

-- The last column is NULL in a line that has as many fields as it should.
-- The header line is not skipped, the load compares it with these names. Spark would not skip it anyway.
-- An escape character that occurs nowhere leaves backslashes as they are. A quote is written twice (RFC 4180).
CREATE EXTERNAL TABLE IF NOT EXISTS stg_dimension_db.currency (
  currency_code string,
  numeric_code  string,
  currency_name string,
  symbol        string,
  minor_unit    string,
  surplus       string
)
PARTITIONED BY (batch_id string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
WITH SERDEPROPERTIES ('escapeChar' = '\u0001')
STORED AS TEXTFILE
LOCATION 's3://${hiveconf:bucket}/staging/dimension/currency';

-- line_kind is header or row. reason is empty for a line that can be loaded.
CREATE EXTERNAL TABLE IF NOT EXISTS stg_dimension_db.currency_checked (
  currency_code   string,
  numeric_code    string,
  currency_name   string,
  symbol          string,
  minor_unit      int,
  source_file     string,
  source_position bigint,
  line_kind       string,
  reason          string,
  rejected_line   string
)
STORED AS ORC
LOCATION 's3://${hiveconf:bucket}/checked/dimension/currency'
TBLPROPERTIES ('orc.compress' = 'SNAPPY');

CREATE VIEW IF NOT EXISTS stg_dimension_db.currency_figures AS
SELECT
  COALESCE(SUM(lines), 0) AS lines,
  COUNT(*) AS files,
  COALESCE(SUM(CASE WHEN headers = 1 THEN 0 ELSE 1 END), 0) AS files_without_header,
  COALESCE(SUM(staged), 0) AS rows_staged,
  COALESCE(SUM(rejected), 0) AS rows_rejected
FROM (
  SELECT
    source_file,
    COUNT(*) AS lines,
    SUM(CASE WHEN line_kind = 'header' THEN 1 ELSE 0 END) AS headers,
    SUM(CASE WHEN line_kind = 'row' THEN 1 ELSE 0 END) AS staged,
    SUM(CASE WHEN reason <> '' THEN 1 ELSE 0 END) AS rejected
  FROM stg_dimension_db.currency_checked
  GROUP BY source_file
) file_figures;

-- Every version has its own folder, and a load points these two tables at it. Until then they are at one that stays empty.
CREATE EXTERNAL TABLE IF NOT EXISTS stg_dimension_db.currency_next (
  currency_code string,
  numeric_code  string,
  currency_name string,
  symbol        string,
  minor_unit    int
)
STORED AS ORC
LOCATION 's3://${hiveconf:bucket}/prod/dimension/currency/none'
TBLPROPERTIES ('orc.compress' = 'SNAPPY');

CREATE EXTERNAL TABLE IF NOT EXISTS dimension_db.currency (
  currency_code string COMMENT 'ISO 4217, the key',
  numeric_code  string COMMENT 'ISO 4217, three digits with leading zeros',
  currency_name string,
  symbol        string COMMENT 'NULL where there is none',
  minor_unit    int COMMENT 'decimal places of an amount'
)
STORED AS ORC
LOCATION 's3://${hiveconf:bucket}/prod/dimension/currency/none'
TBLPROPERTIES ('orc.compress' = 'SNAPPY');
