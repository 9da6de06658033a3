-- Declares everything that loading transfer_transaction needs. Running it again changes nothing.
-- stg_fact_db.transfer_transaction          the landed CSV as it is, every column a string, header lines included
-- stg_fact_db.transfer_transaction_checked  the batch at hand with types, each line judged
-- stg_fact_db.transfer_transaction_figures  what the load decides on, as one row
-- stg_fact_db.transfer_transaction_delivered, _files, _repeated  which files were delivered before
-- fact_db.transfer_transaction              what readers see, a partition per batch and day
--
-- The Hive command line splits a script at semicolons before it parses it. So comments start in the first column,
-- and a double quote inside a string is written with a backslash.

CREATE DATABASE IF NOT EXISTS stg_fact_db LOCATION 's3://${hiveconf:bucket}/staging/fact';

CREATE DATABASE IF NOT EXISTS fact_db LOCATION 's3://${hiveconf:bucket}/prod/fact';

-- The last column is NULL in a line that has as many fields as it should.
-- The header line is not skipped, the load compares it with these names. Spark would not skip it anyway.
-- An escape character that occurs nowhere leaves backslashes as they are. A quote is written twice (RFC 4180).
CREATE EXTERNAL TABLE IF NOT EXISTS stg_fact_db.transfer_transaction (
  transfer_id      string,
  value_date       string,
  sender_account   string,
  receiver_account string,
  sender_country   string,
  receiver_country string,
  currency_code    string,
  amount           string,
  fee              string,
  reference        string,
  surplus          string
)
PARTITIONED BY (batch_id string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
WITH SERDEPROPERTIES ('escapeChar' = '\u0001')
STORED AS TEXTFILE
LOCATION 's3://${hiveconf:bucket}/staging/fact/transfer_transaction';

-- line_kind is header or row. reason is empty for a line that can be loaded.
CREATE EXTERNAL TABLE IF NOT EXISTS stg_fact_db.transfer_transaction_checked (
  transfer_id      string,
  value_date       date,
  sender_account   string,
  receiver_account string,
  sender_country   string,
  receiver_country string,
  currency_code    string,
  amount           decimal(18,2),
  fee              decimal(18,2),
  reference        string,
  date_id          string,
  source_file      string,
  source_position  bigint,
  line_kind        string,
  reason           string,
  rejected_line    string
)
STORED AS ORC
LOCATION 's3://${hiveconf:bucket}/checked/fact/transfer_transaction'
TBLPROPERTIES ('orc.compress' = 'SNAPPY');

CREATE VIEW IF NOT EXISTS stg_fact_db.transfer_transaction_figures AS
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
  FROM stg_fact_db.transfer_transaction_checked
  GROUP BY source_file
) file_figures;

-- The files that were loaded, batch by batch, known by what is in them: rows, first and last key, sum of the amounts.
CREATE EXTERNAL TABLE IF NOT EXISTS stg_fact_db.transfer_transaction_delivered (
  source_file string,
  fingerprint string
)
PARTITIONED BY (batch_id string)
STORED AS ORC
LOCATION 's3://${hiveconf:bucket}/checked/fact/transfer_transaction_delivered'
TBLPROPERTIES ('orc.compress' = 'SNAPPY');

CREATE VIEW IF NOT EXISTS stg_fact_db.transfer_transaction_files AS
SELECT
  source_file,
  CONCAT_WS('/', CAST(COUNT(*) AS string), MIN(transfer_id), MAX(transfer_id), CAST(SUM(amount) AS string)) AS fingerprint,
  COUNT(*) AS good_rows
FROM stg_fact_db.transfer_transaction_checked
WHERE line_kind = 'row' AND reason = ''
GROUP BY source_file;

-- Files of the batch at hand that an earlier batch has brought already, whatever their names.
CREATE VIEW IF NOT EXISTS stg_fact_db.transfer_transaction_repeated AS
SELECT
  files.source_file AS source_file,
  MIN(delivered.batch_id) AS delivered_in,
  MAX(files.good_rows) AS good_rows
FROM stg_fact_db.transfer_transaction_files files
JOIN stg_fact_db.transfer_transaction_delivered delivered ON files.fingerprint = delivered.fingerprint
GROUP BY files.source_file;

CREATE EXTERNAL TABLE IF NOT EXISTS fact_db.transfer_transaction (
  transfer_id      string,
  value_date       date,
  sender_account   string,
  receiver_account string,
  sender_country   string COMMENT 'see dimension_db.country',
  receiver_country string COMMENT 'see dimension_db.country',
  currency_code    string COMMENT 'see dimension_db.currency',
  amount           decimal(18,2),
  fee              decimal(18,2) COMMENT 'NULL where none was charged',
  reference        string COMMENT 'NULL where there is none'
)
PARTITIONED BY (batch_id string, date_id string COMMENT 'value_date')
STORED AS ORC
LOCATION 's3://${hiveconf:bucket}/prod/fact/transfer_transaction'
TBLPROPERTIES ('orc.compress' = 'SNAPPY');
